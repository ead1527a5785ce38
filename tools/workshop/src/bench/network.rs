//! `workshop bench --network`: what a network of one's own costs, to set up
//! and on the way of each packet.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use process::{Call, Error, Result};

use super::summary::Quartiles;
use super::traffic::PORT;
use super::{race, table};
use crate::host::Host;
use crate::{packages, repository};

/// The host has a cable to another network namespace, the outside.
const PREPARE: &str = "
    mount -n -t tmpfs lib /var/lib # where podman keeps its networks
    ip link set lo up
    ip netns add outside
    ip link add uplink type veth peer name uplink netns outside
    ip link set uplink up
    ip -n outside link set uplink up
    ip -n outside link set lo up
    ip address add 192.0.2.1/24 dev uplink
    ip -n outside address add 192.0.2.2/24 dev uplink
    echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
";

/// What `08-net` does, by the programs that the chapter does it with.
const BY_HAND: &str = "
    ip netns add box
    ip link add br0 type bridge
    ip address add 10.77.0.1/24 dev br0
    ip link set br0 up
    ip link add cable type veth peer name eth0 netns box
    ip link set cable master br0 up
    ip -n box link set lo up
    ip -n box address add 10.77.0.2/24 dev eth0
    ip -n box link set eth0 up
    ip -n box route add default via 10.77.0.1
    echo 'table ip hand { chain out {
        type nat hook postrouting priority srcnat;
        ip saddr 10.77.0.2 oifname != br0 masquerade
    }
    }' | nft -f -
    ip netns exec box chroot $0 /bin/true
    nft delete table ip hand
    ip netns del box
    ip link del br0
";

/// Its groups are below one that can be removed.
pub(super) const PODMAN: &str = "exec podman --runtime runc --root /run/p --runroot \
    /run/r --tmpdir /run/t --cgroup-manager cgroupfs --events-backend none \
    run --rm --cgroup-parent /workshop-bench --network $1 --rootfs $0 \
    /bin/true";

/// Its name, server, client, and the server's address.
type APath = (&'static str, Place, Place, &'static str);

/// Who asks whom. The addresses are those of `PREPARE` and of `08-net`.
const PATHS: &[APath] = &[
    ("host loopback", Place::Host, Place::Host, "127.0.0.1"),
    ("a cable (veth)", Place::Outside, Place::Host, "192.0.2.2"),
    ("bridge", Place::Container, Place::Container, "10.88.8.2"),
    ("bridge and NAT", Place::Outside, Place::Container, "192.0.2.2"),
    ("published port", Place::Container, Place::Outside, "192.0.2.1"),
    ("VXLAN", Place::Tenant(2), Place::Tenant(1), "10.99.2.2"),
];

#[derive(Clone, Copy)]
enum Place {
    Host,
    Outside,
    Container,
    /// A container of `09-vxlan`: 1 is on the host, and for 2 the outside plays
    /// another host.
    Tenant(u8),
}

/// How many connections there are on each path.
const CONNECTIONS: usize = 11;

/// Prints both tables. If they are to be recorded, the book shows them from
/// then on.
pub(super) fn run(programs: &Path, runs: usize, record: bool) -> Result<()> {
    let starts = starts(programs, runs)?;
    let traffic = traffic(programs)?;
    print!("{starts}\n{traffic}");
    match record {
        true => {
            write_down("network", &starts, runs)?;
            write_down("paths", &traffic, runs)
        }
        false => Ok(()),
    }
}

/// A snapshot, as insta writes one.
fn write_down(name: &str, table: &str, runs: usize) -> Result<()> {
    let path = format!("tests/snapshots/{name}.snap");
    let path = repository::top().join(path);
    let source =
        format!("cargo workshop bench --network --runs {runs} --record");
    std::fs::write(&path, format!("---\nsource: {source}\n---\n{table}"))
        .call(format_args!("write({path:?})"))
}

pub(crate) fn host() -> Result<Host> {
    let host = Host::start()?;
    let status = host.command("sh").args(["-euc", PREPARE]).status();
    match status.call("execve(\"sh\")")?.success() {
        true => Ok(host),
        false => Err(Error::new("no pretend outside")
            .with_hint("its own message stands above")),
    }
}

/// From the start of the tool to its end, each in turn.
fn starts(programs: &Path, runs: usize) -> Result<String> {
    let host = host()?;
    let rootfs = repository::rootfs().join("busybox");
    let step = |name: &str, options: &[&str]| -> Vec<OsString> {
        let mut words = vec![programs.join(name).into()];
        words.extend(options.iter().map(OsString::from));
        words.extend([rootfs.clone().into(), "/bin/true".into()]);
        words
    };
    let script = |script: &str, argument: &str| -> Vec<OsString> {
        let words = ["/bin/sh", "-ec", script].map(OsString::from);
        let arguments = [rootfs.clone().into(), argument.into()];
        words.into_iter().chain(arguments).collect()
    };
    let mut racers = vec![
        ("07-user, the host's network", step("07-user", &[])),
        ("08-net --network none", step("08-net", &["--network", "none"])),
        ("08-net", step("08-net", &[])),
        ("09-vxlan", step("09-vxlan", &["--vni", "7"])),
        ("ip and nft", script(BY_HAND, "")),
    ];
    if packages::has("podman") && packages::has("runc") {
        racers.push(("podman --network none", script(PODMAN, "none")));
        racers.push(("podman", script(PODMAN, "podman")));
    }
    let commands: Vec<_> = racers.iter().map(|(_, c)| c.clone()).collect();
    let times = race(&host, &commands, runs);
    remove_groups();
    let head = ["START AND END", "MEDIAN ms", "MIDDLE HALF"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for ((name, _), times) in racers.iter().zip(times?) {
        let [median, spread] = cells(times, 1e6);
        rows.push(vec![(*name).into(), median, spread]);
    }
    Ok(table::render(&rows))
}

/// The groups of podman, in every hierarchy. There may be none.
pub(super) fn remove_groups() {
    let top = Path::new("/sys/fs/cgroup");
    let hierarchies = directories(top).into_iter().chain([top.into()]);
    for hierarchy in hierarchies {
        remove(&hierarchy.join("workshop-bench"));
    }
}

/// A group with those below it. Its files go with it.
fn remove(group: &Path) {
    directories(group).iter().for_each(|below| remove(below));
    // What is in use stays, and the next run tries again.
    let _ = std::fs::remove_dir(group);
}

fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.is_dir() && !path.is_symlink()).collect()
}

/// The median, and from where to where the middle half goes.
fn cells(values: Vec<u64>, unit: f64) -> [String; 2] {
    let Quartiles { median, p25, p75 } = Quartiles::of(values);
    let number = |value: f64| format!("{:.1}", value / unit);
    [number(median), format!("{}–{}", number(p25), number(p75))]
}

const HEAD: [&str; 5] =
    ["PATH", "ROUND TRIP µs", "MIDDLE HALF", "TCP Gbit/s", "MIDDLE HALF"];

/// On each path several connections, each path in turn: first round trips of
/// one byte, then as much as goes through.
fn traffic(programs: &Path) -> Result<String> {
    let host = host()?;
    let mut measured = vec![(Vec::new(), Vec::new()); PATHS.len()];
    for _ in 0..CONNECTIONS {
        for (path, (trips, rates)) in PATHS.iter().zip(&mut measured) {
            let output = connect(&host, programs, path)?;
            let words = output.split_whitespace();
            let mut numbers = words.filter_map(|word| word.parse::<u64>().ok());
            rates.extend(numbers.next());
            trips.extend(numbers);
        }
    }
    let mut rows = vec![HEAD.map(String::from).to_vec()];
    for ((name, ..), (trips, rates)) in PATHS.iter().zip(measured) {
        let mut row = vec![(*name).to_owned()];
        row.extend(cells(trips, 1e3));
        row.extend(cells(rates, 1e3));
        rows.push(row);
    }
    Ok(table::render(&rows))
}

/// What the client prints.
fn connect(host: &Host, programs: &Path, path: &APath) -> Result<String> {
    let (_, server, client, address) = path;
    let mut server = server.command(host, programs, &["serve"])?;
    let server = server.stdout(Stdio::piped()).spawn();
    let server = Server(server.call("execve(\"nsenter\")")?);
    let output = server.when_ready(|| {
        let mut client = client.command(host, programs, &["ask", address])?;
        let client = client.stderr(Stdio::inherit()).output();
        client.call("execve(\"nsenter\")")
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// It ends with the connection that it serves.
struct Server(Child);

impl Server {
    fn when_ready<T>(mut self, ask: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut line = String::new();
        if let Some(stdout) = self.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).call("read(server)")?;
        }
        let answer = match line.is_empty() {
            false => ask(),
            true => Err(Error::new("the server did not start")
                .with_hint("its own message stands above")),
        };
        self.0.wait().call("wait4(server)")?;
        answer
    }
}

impl Place {
    /// This program there, to be one end of a connection.
    fn command(
        self,
        host: &Host,
        programs: &Path,
        words: &[&str],
    ) -> Result<Command> {
        let this = repository::programs()?.join("workshop");
        let mut command = match self {
            Self::Host => host.command(&this),
            Self::Outside | Self::Tenant(2..) => {
                let mut command = host.command("ip");
                command.args(["netns", "exec", "outside"]);
                command
            }
            Self::Container => host.command(programs.join("08-net")),
            Self::Tenant(_) => host.command(programs.join("09-vxlan")),
        };
        match self {
            Self::Host => {}
            Self::Outside => {
                command.arg(&this);
            }
            Self::Container => {
                let port = format!("{PORT}:{PORT}");
                if words == ["serve"] {
                    command.args(["-p", &port]);
                }
                put_into(&mut command, &this);
            }
            Self::Tenant(number) => {
                if number > 1 {
                    command.arg(programs.join("09-vxlan"));
                }
                let (local, peer) = (number, 3 - number);
                command.arg("--vni=7");
                command.arg(format!("--local=192.0.2.{local}"));
                command.arg(format!("--peer=192.0.2.{peer}"));
                put_into(&mut command, &this);
            }
        }
        command.arg("bench").arg("--traffic").arg(words.join(" "));
        Ok(command)
    }
}

/// Gives a container a program, as the command that it runs.
pub(super) fn put_into(step: &mut Command, program: &Path) {
    let inside = "/dev/workshop";
    let volume = format!("{}:{inside}:ro", program.display());
    step.args(["-v", &volume]);
    step.arg(repository::rootfs().join("busybox")).arg(inside);
}
