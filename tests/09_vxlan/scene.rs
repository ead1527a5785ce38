//! Three hosts on one network, on a pretend host.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use support::{program, rootfs};
use workshop::host::Host;

/// `workshop hosts up 3`.
pub(crate) struct Scene {
    pub(crate) host: Host,
}

/// A container that serves a port.
pub(crate) struct Server {
    tool: Child,
}

impl Scene {
    pub(crate) fn start() -> Self {
        let scene = Self { host: Host::start().expect("a pretend host") };
        let mut up = scene.host.command(program("workshop"));
        text(&up.args(["hosts", "up", "3"]).output().expect("workshop"));
        scene
    }

    /// A command on the host of this number.
    pub(crate) fn on(&self, number: u8, words: &[&str]) -> Command {
        let mut command = self.host.command(program("workshop"));
        command.args(["hosts", "shell", &number.to_string()]).args(words);
        command
    }

    /// What a shell there prints, which must succeed.
    pub(crate) fn shell(&self, number: u8, script: &str) -> String {
        let words = ["sh", "-euc", script];
        text(&self.on(number, &words).output().expect("a shell"))
    }

    /// The step on a host, with `/dev/peer` inside. Of the options these are for
    /// the host: `@` is its number.
    pub(crate) fn tool(
        &self,
        number: u8,
        options: &str,
        command: &[&str],
    ) -> Command {
        let step = program("09-vxlan").display().to_string();
        let volume = format!("{}:/dev/peer:ro", program("peer").display());
        let options = options.replace('@', &number.to_string());
        let rootfs = rootfs().display().to_string();
        let mut words = vec![step.as_str(), "-v", &volume];
        words.extend(options.split_whitespace());
        words.push(&rootfs);
        words.extend(command);
        self.on(number, &words)
    }

    /// What a shell in a container prints, which must succeed.
    pub(crate) fn inside(
        &self,
        number: u8,
        options: &str,
        script: &str,
    ) -> String {
        let command = ["sh", "-euc", script];
        let mut tool = self.tool(number, options, &command);
        text(&tool.output().expect("a shell"))
    }

    /// A container that answers on port 80.
    pub(crate) fn serve(
        &self,
        number: u8,
        options: &str,
        protocol: &str,
    ) -> Server {
        let command = ["/dev/peer", "serve", protocol, "80"];
        Server::start(self.tool(number, options, &command))
    }

    /// What containers could leave on a host.
    pub(crate) fn state(&self, number: u8) -> String {
        self.shell(
            number,
            "cut -d : -f 1 /proc/net/dev | sort; ss -lnuH; find /run
            ip -o address | grep -v fe80:
            ip route show table all | grep -v fe80:
            sysctl -a 2>/dev/null | grep -e forward -e route_localnet
            nft list ruleset 2>/dev/null || true",
        )
    }

    /// Waits until all hosts are as they were.
    pub(crate) fn unchanged(&self, before: &[String], how: &str) {
        for (number, before) in (1..).zip(before) {
            support::becomes(how, before, || self.state(number));
        }
    }

    pub(crate) fn states(&self) -> Vec<String> {
        (1..=3).map(|number| self.state(number)).collect()
    }
}

impl Server {
    fn start(mut tool: Command) -> Self {
        let tool = tool.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut tool = tool.spawn().expect("it starts");
        let mut line = String::new();
        let stdout = tool.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        Self { tool }
    }

    /// Ends the tool as nobody could prevent.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `workshop hosts shell` becomes nsenter(1), as the command on the
        // pretend host did before; each has one child.
        let nsenter = workshop::host::only_child(self.tool.id());
        if let Ok(tool) = nsenter.and_then(workshop::host::only_child) {
            // SAFETY: kill(2) touches no memory; nobody has waited for it yet.
            unsafe { libc::kill(tool.cast_signed(), libc::SIGKILL) };
        }
        let _ = self.tool.wait();
    }
}

pub(crate) fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// The options of a container of tenant 7, by peers.
pub(crate) const PEERS: &str = "--vni 7 --local 10.0.0.@ --peer 10.0.0.1 \
     --peer 10.0.0.2 --peer 10.0.0.3";

/// The same over IPv6.
pub(crate) const PEERS6: &str = "--vni 7 --local fd00::@ --peer fd00::1 \
     --peer fd00::2 --peer fd00::3";
