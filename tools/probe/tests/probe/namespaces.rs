//! What a namespace hides, and that it hides nothing else.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::Command;

use probe::Verdict;

use crate::support::*;

#[test]
fn only_the_names_change_in_a_uts_namespace() {
    let Some(command) = unshare(&["--uts"]) else { return };
    let held = Held::start(command, PROBE);
    assert_eq!(changed(&held.inside), names(&["ns-uts", "hostname"]));
    let outside = held.outside();
    assert_eq!(
        known(&outside, "ns-uts").value,
        known(&held.inside, "ns-uts").value
    );
}

#[test]
fn the_name_is_the_one_inside() {
    let Some(mut command) = unshare(&["--uts"]) else { return };
    let script = "hostname probed && exec \"$@\"";
    command.args(["sh", "-c", script, "sh"]);
    let held = Held::start(command, PROBE);
    let expected = probe::Value::Text("probed".into());
    assert_eq!(known(&held.inside, "hostname").value, expected);
    if is_root() {
        assert_eq!(known(&held.outside(), "hostname").value, expected);
    }
}

#[test]
fn only_the_network_changes_in_a_network_namespace() {
    let Some(command) = unshare(&["--net"]) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("tcp {}", listener.local_addr().unwrap());
    let name = format!("probe-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _unix = UnixListener::bind_addr(&address).unwrap();

    let here = reference();
    assert!(set(&here, "listening-sockets").contains(&port));
    assert!(set(&here, "abstract-sockets").contains(&format!("@{name}")));
    assert!(set(&here, "addresses").contains("lo 127.0.0.1/8"));

    let held = Held::start(command, PROBE);
    assert_eq!(*set(&held.inside, "interfaces"), names(&["lo"]));
    for name in ["addresses", "routes", "listening-sockets", "abstract-sockets"]
    {
        assert_eq!(*set(&held.inside, name), names(&[]), "{name}");
    }
    let expected = [
        "ns-net",
        "interfaces",
        "addresses",
        "routes",
        "listening-sockets",
        "abstract-sockets",
    ];
    assert_eq!(changed(&held.inside), names(&expected));
}

#[test]
fn routes_are_those_that_ip_shows() {
    let Some(mut command) = unshare(&["--net"]) else { return };
    let script = "ip link set lo up && \
                  ip route add 198.51.100.0/24 via 127.0.0.1 dev lo && \
                  ip -6 route add 2001:db8::/32 dev lo && exec \"$@\"";
    command.args(["sh", "-c", script, "sh"]);
    let held = Held::start(command, PROBE);
    let routes = set(&held.inside, "routes");
    assert!(routes.contains("198.51.100.0/24 via 127.0.0.1 dev lo"));
    assert!(routes.contains("2001:db8::/32 dev lo"), "{routes:?}");
    if is_root() {
        assert_eq!(set(&held.outside(), "routes"), routes);
    }
}

#[test]
fn a_pid_namespace_hides_nothing_while_the_old_proc_is_mounted() {
    let Some(command) = unshare(&["--pid", "--fork"]) else { return };
    let held = Held::start(command, PROBE);
    let reference = reference();
    assert_eq!(held.inside.pid, 1);
    assert_eq!(verdict("ns-pid", &held.inside, &reference), Verdict::Private);
    assert_eq!(verdict("processes", &held.inside, &reference), Verdict::Shared);
}

#[test]
fn a_new_proc_shows_the_processes_of_the_pid_namespace() {
    let Some(command) =
        unshare(&["--pid", "--fork", "--mount", "--mount-proc"])
    else {
        return;
    };
    let held = Held::start(command, PROBE);
    assert_eq!(*set(&held.inside, "processes"), names(&["1"]));
    let outside = held.outside_of_child();
    assert_eq!(outside.pid, 1);
    let processes = |report| known(report, "processes").clone();
    assert_eq!(processes(&outside).value, processes(&held.inside).value);
    assert_eq!(processes(&outside).scope, processes(&held.inside).scope);
    let changed = changed(&held.inside);
    assert!(changed.contains("processes"), "{changed:?}");
}

#[test]
fn an_ipc_namespace_hides_shared_memory() {
    let made = Command::new("ipcmk").args(["-M", "4096"]).output().unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let id = text.split_whitespace().next_back().unwrap().to_owned();
    let here = reference();
    let inside = unshare(&["--ipc"]).map(|c| Held::start(c, PROBE));
    let removed = Command::new("ipcrm").args(["-m", &id]).status().unwrap();
    assert!(removed.success());

    assert!(set(&here, "sysv-ipc").contains(&format!("shm {id}")));
    let Some(held) = inside else { return };
    assert_eq!(*set(&held.inside, "sysv-ipc"), names(&[]));
    let mut changed = changed(&held.inside);
    // Where the host has them mounted, they stay visible through the mount.
    changed.remove("mqueues");
    assert_eq!(changed, names(&["ns-ipc", "sysv-ipc"]));
}

#[test]
fn queues_stay_visible_where_they_are_mounted() {
    let Some(mut command) = unshare(&["--mount", "--ipc"]) else { return };
    let script = "mount -t tmpfs probe /dev && mkdir /dev/mqueue && \
                  mount -t mqueue probe /dev/mqueue && \
                  touch /dev/mqueue/probed && exec unshare --ipc \"$@\"";
    command.args(["sh", "-c", script, "sh"]);
    let held = Held::start(command, PROBE);
    assert_eq!(*set(&held.inside, "mqueues"), names(&["probed"]));
    let outside = held.outside();
    let queues = |report| known(report, "mqueues").clone();
    assert_eq!(queues(&outside), queues(&held.inside));
}

#[test]
fn mounts_that_are_passed_on_are_told_from_private_ones() {
    let Some(mut command) = unshare(&["--mount", "--propagation", "private"])
    else {
        return;
    };
    let root = EmptyRoot::new();
    let script = "mount -t tmpfs probe $0 && mount --make-shared $0 && \
                  exec \"$@\"";
    command.args(["sh", "-c", script]).arg(root.path());
    let held = Held::start(command, PROBE);
    let ways = set(&held.inside, "mount-propagation");
    assert_eq!(ways.len(), 2, "{ways:?}");
    assert_eq!(ways, set(&held.outside(), "mount-propagation"));
    assert!(changed(&held.inside).is_superset(&names(&["ns-mnt", "mounts"])));
}

#[test]
fn who_looks_at_a_user_namespace_from_inside_can_not_tell_its_groups() {
    if !is_root() {
        return skip("it takes root (CAP_SETGID)");
    }
    let mut command = Command::new("setpriv");
    let options = ["--reuid=1000", "--regid=1000", "--groups=6"];
    command.args(options).args(["unshare", "--user", "--map-root-user"]);
    command.args(["sh", "-c", "cd /; exec \"$@\"", "sh"]);
    let root = EmptyRoot::new(); // whose probe that user may execute
    let path = root.path().join("probe");
    let held = Held::start(command, path.to_str().unwrap());
    let (reference, outside) = (reference(), held.outside());
    let groups = |report| verdict("groups", report, &reference);
    assert_eq!(groups(&held.inside), Verdict::Unknown);
    assert_eq!(*set(&outside, "groups"), names(&["6"]));
    let scope = |report| known(report, "groups").scope.clone();
    assert_eq!(scope(&outside), scope(&reference));
    assert_eq!(
        verdict("capabilities", &held.inside, &reference),
        Verdict::Private
    );
}
