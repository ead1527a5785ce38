//! The planter leaves nothing behind.

use std::fs;
use std::path::Path;

use crate::host::{Host, hosts, program, text};

/// Plants, attacks what the witness sees, ends the planter by `end`, and
/// tells what is left.
fn left_after(host: &Host, end: &str) -> String {
    let script = format!(
        // A directory of its own: what another planter has printed must not
        // be taken for the SPEC of this one before it has printed any.
        "hostname before
        cd $(mktemp -d)
        mkfifo input; exec 3<>input
        attacks plant --rootfs $1 <input 3<&- >output 2>/dev/null & planter=$!
        until spec=$(grep id= output); do sleep 0.02; done
        id=${{spec#*,id=}}; id=${{id%%,*}}
        for attack in rename-host leave-mount signal-process; do
            01-chroot $1 attacks run $attack --canary \"$spec\" >/dev/null
        done
        {end}
        wait $planter; echo status $?
        tail -n +2 output
        echo name $(hostname)
        left() {{
            echo mounts $(grep -c canary- /proc/self/mountinfo)
            echo segments $(tail -n +2 /proc/sysvipc/shm | wc -l)
            echo processes $(cat /proc/[0-9]*/comm | grep -c canary-)
            echo sockets $(grep -c canary- /proc/net/unix)
            echo disks $(cat /sys/block/loop*/loop/backing_file | grep -c $id)
        }}
        # A process that is killed takes its time to give everything back.
        for _ in $(seq 100); do
            left | grep -q '[1-9]' || break; sleep 0.02
        done
        left"
    );
    let mut command = host.command("sh");
    text(command.args(["-c", &script, "sh"]).arg(host.rootfs()))
}

const NOTHING: &str = "mounts 0\nsegments 0\nprocesses 0\nsockets 0\ndisks 0\n";

#[test]
fn end_of_input_leaves_nothing() {
    for host in hosts() {
        let left = left_after(&host, "exec 3<&-");
        assert!(left.contains("status 0\n"), "{left}");
        assert!(left.contains("name before\n"), "{left}");
        assert!(left.contains(NOTHING), "{left}");
        assert!(host.leftovers().is_empty());
        for attack in ["rename-host", "leave-mount", "signal-process"] {
            assert!(left.contains(attack), "{left}");
        }
    }
}

#[test]
fn sigterm_and_sigint_leave_nothing() {
    for host in hosts() {
        // A shell without job control has its background jobs ignore SIGINT:
        // the planter takes it all the same.
        for signal in ["TERM", "INT"] {
            let left = left_after(&host, &format!("kill -{signal} $planter"));
            assert!(left.contains("status 0\n"), "{left}");
            assert!(left.contains("name before\n"), "{left}");
            assert!(left.contains(NOTHING), "{left}");
            assert!(host.leftovers().is_empty());
        }
    }
}

#[test]
fn sigkill_leaves_directories_at_most() {
    for host in hosts() {
        let left = left_after(
            &host,
            // Who kills the witness has to undo what the attacks did.
            "umount $1/attacks-canary-*/mount
            kill -KILL $planter",
        );
        assert!(left.contains("status 137\n"), "{left}");
        assert!(left.contains(NOTHING), "{left}");
        assert_eq!(host.leftovers().len(), 2);
        for canary in host.leftovers() {
            remove_group(&canary);
        }
    }
}

/// Groups are the machine's: that of a canary doesn't go with a pretend host.
fn remove_group(canary: &Path) {
    for tree in cgroups::hierarchies().unwrap() {
        let group = tree.own.join(canary.file_name().unwrap());
        if group.exists() {
            fs::remove_dir(group).unwrap();
        }
    }
}

#[test]
fn failure_leaves_nothing() {
    for host in hosts() {
        let output = host
            .command(program("attacks"))
            .args(["plant", "--as", "4294967295", "--rootfs"])
            .arg(host.rootfs())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(host.leftovers().is_empty());
    }
}
