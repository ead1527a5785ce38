//! A pretend host with a pretend internet.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use support::{program, rootfs, step_in};
use workshop::host::{Host, first_descendant};
use workshop::ladder::Step;

/// A pretend host with a cable to another network namespace, which plays the
/// rest of the world. That knows the host's addresses and no others.
pub(crate) struct Scene {
    pub(crate) host: Host,
}

pub(crate) const HOST4: &str = "192.0.2.1";
pub(crate) const HOST6: &str = "2001:db8::1";

const PREPARE: &str = "
    mount -n -t tmpfs -o mode=755 scene /mnt
    ip link set lo up
    ip netns add outside
    ip link add uplink type veth peer name uplink netns outside
    ip -n outside link set lo up
    for at in '' '-n outside'; do
        [ -z \"$at\" ] && n=1 || n=2
        ip $at link set uplink up
        ip $at address add 192.0.2.$n/24 dev uplink
        ip $at address add 2001:db8::$n/64 dev uplink nodad
    done
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
";

/// A container that runs, or a server on the host.
pub(crate) struct Running {
    tool: Child,
    pub(crate) pid: u32,
}

impl Scene {
    pub(crate) fn start() -> Self {
        let scene = Self { host: Host::start().expect("a pretend host") };
        scene.on_host(PREPARE);
        scene
    }

    /// What a shell on the host prints, which must succeed.
    pub(crate) fn on_host(&self, script: &str) -> String {
        text(&self.host_shell(script).output().expect("a shell"))
    }

    pub(crate) fn host_shell(&self, script: &str) -> Command {
        let mut shell = self.host.command("sh");
        shell.args(["-euc", script]);
        shell.env("STEP", program("08-net")).env("ROOTFS", rootfs());
        shell.env("PEER", program("peer"));
        shell
    }

    /// The step, which finds `/dev/peer` inside.
    pub(crate) fn tool(&self, options: &[&str], command: &[&str]) -> Command {
        let step = Step::find("08-net").expect("a step of the ladder");
        let volume = format!("{}:/dev/peer:ro", program("peer").display());
        let mut all = vec!["-v", &volume];
        all.extend(options);
        step_in(&rootfs(), &self.host, step.name, step, &all, command)
    }

    /// What a shell inside prints, which must succeed.
    pub(crate) fn inside(&self, options: &[&str], script: &str) -> String {
        let command = ["sh", "-euc", script];
        text(&self.tool(options, &command).output().expect("a shell"))
    }

    /// A container that serves a port.
    pub(crate) fn serve(
        &self,
        options: &[&str],
        protocol: &str,
        port: u16,
    ) -> Running {
        let port = port.to_string();
        let command = ["/dev/peer", "serve", protocol, &port];
        Running::start(self.tool(options, &command))
    }

    /// A server somewhere: outside, or on the host itself.
    pub(crate) fn serve_at(
        &self,
        at: &str,
        protocol: &str,
        port: u16,
    ) -> Running {
        let script = format!("exec {at} $PEER serve {protocol} {port}");
        Running::start(self.host_shell(&script))
    }

    /// Who asked, as whoever was asked sees it; nothing if there is no answer.
    pub(crate) fn ask(&self, at: &str, protocol: &str, to: &str) -> String {
        let script = format!("{at} $PEER ask {protocol} {to} 2>/dev/null");
        let output = self.host_shell(&script).output().expect("a shell");
        String::from_utf8(output.stdout).expect("text").trim().into()
    }

    /// What a container could leave behind.
    pub(crate) fn state(&self) -> String {
        self.on_host(
            "ip -o link | cut -d : -f 2; ip route show table all |
                grep -v fe80:
            ip -o address | grep -v fe80:

            ip -6 route show table all | grep -v fe80:; nft list ruleset
            find /run ! -path '/run/netns*'; sysctl -a 2>/dev/null |
                grep -e forward -e accept_ra -e route_localnet",
        )
    }

    /// Where this test finds a path of the host.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        format!("/proc/{}/root{path}", self.host.init()).into()
    }
}

pub(crate) const OUTSIDE: &str = "ip netns exec outside";
pub(crate) const HERE: &str = "env";

impl Running {
    pub(crate) fn start(mut tool: Command) -> Self {
        let tool = tool.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut tool = tool.spawn().expect("it starts");
        let mut line = String::new();
        let stdout = tool.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        let pid = first_descendant(tool.id());
        Self { tool, pid }
    }

    /// Waits for the end of a tool that was stopped: nsenter(1), which started
    /// it, has stopped with it.
    pub(crate) fn go_on(mut self) {
        // SAFETY: kill(2) touches no memory; nobody has waited for it yet.
        unsafe { libc::kill(self.tool.id() as i32, libc::SIGCONT) };
        self.tool.wait().expect("a status");
    }

    /// Ends the tool as nobody could prevent.
    pub(crate) fn kill(mut self) {
        let tool = workshop::host::only_child(self.tool.id());
        let tool = tool.expect("the step") as i32;
        // SAFETY: kill(2) touches no memory; nobody has waited for it yet.
        assert_eq!(unsafe { libc::kill(tool, libc::SIGKILL) }, 0);
        let _ = self.tool.wait();
    }
}

pub(crate) fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Waits until the host is as it was.
pub(crate) fn unchanged(scene: &Scene, before: &str, how: &str) {
    support::becomes(how, before, || scene.state());
}
