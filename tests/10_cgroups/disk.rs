//! A disk, as fast as it may be.

use support::{InTime, program, rootfs};

use super::scene::{NAME, host_with_groups, text};

/// A disk of the test's own, for a shell: a file in memory, which gets a node.
const DISK: &str = r#"
    mount -n -t tmpfs disk /mnt
    truncate -s 8m /mnt/disk
    if ! [ -e /dev/loop-control ]; then
        modprobe loop
        mknod /dev/loop-control c 10 237
    fi
    for try in 1 2 3 4 5 6 7 8 9 10; do
        n=$(losetup -f); n=${n#/dev/loop}
        [ -e /dev/loop$n ] || mknod -m 666 /dev/loop$n b 7 $n
        losetup /dev/loop$n /mnt/disk && break
    done
    trap "losetup -d /dev/loop$n" EXIT
"#;

#[test]
fn a_disk_is_as_fast_as_it_may_be() {
    let host = host_with_groups!();
    let script = r#"
        time_of() {
            start=$(date +%s%N)
            "$STEP" --device /dev/loop$n "$@" "$ROOTFS" \
                dd if=/dev/zero of=/dev/loop$n bs=64k count=32 \
                oflag=direct 2>/dev/null
            echo $((($(date +%s%N) - start) / 1000000))
        }
        time_of
        time_of --device-write-bps /dev/loop$n:1m
        time_of --device-write-iops /dev/loop$n:16
    "#;
    let mut shell = host.command("sh");
    shell.args(["-euc", &format!("{DISK}{script}")]);
    shell.env("STEP", program(NAME)).env("ROOTFS", rootfs());
    let output = shell.in_time();
    let times = text(&output.stdout);
    let times: Vec<u64> =
        times.lines().map(|line| line.parse().expect("a time")).collect();
    let [free, bytes, operations] = times[..] else {
        panic!("{output:?}");
    };
    // 2 MB at 1 MB a second, and 32 operations at 16: two seconds each.
    for limited in [bytes, operations] {
        assert!(limited > 1_700 && limited > 3 * free, "{times:?}");
    }
}
