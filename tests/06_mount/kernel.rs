//! What the kernel shows of itself, and takes orders by, is out of reach.

use super::scene::scenes_of_all;

/// What is covered, where the kernel has it.
const MASKED: &str = "/proc/acpi /proc/asound /proc/interrupts /proc/kcore \
    /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi \
    /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap \
    /sys/firmware";

#[test]
fn what_is_masked_reads_empty() {
    for scene in scenes_of_all() {
        assert_ne!(scene.on_host("cat /proc/interrupts"), "");
        let read = format!(
            "for path in {MASKED}; do
                [ -e $path ] || continue
                if [ -d $path ]; then ls -A $path; else cat $path; fi
            done"
        );
        assert_eq!(scene.inside(&[], &read), "");
    }
}

#[test]
fn in_a_masked_directory_nothing_can_be_made() {
    for scene in scenes_of_all() {
        let make = "for path in /proc/acpi /proc/scsi /sys/firmware; do
                [ -d $path ] || continue
                mkdir $path/new 2>&1 && echo made
            done | grep -v 'Read-only file system' || true";
        assert_eq!(scene.inside(&[], make), "");
    }
}

#[test]
fn nothing_can_be_written_that_the_whole_machine_shares() {
    for scene in scenes_of_all() {
        // EROFS comes first: what is refused for another reason was not
        // refused by the mount.
        for directory in
            ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/sys"]
        {
            let said = scene.refused(&[], &format!("touch -c {directory}"));
            assert!(said.contains("Read-only file system"), "{said}");
        }
        // To open it is enough: as root of the machine it would be harmful to
        // write if the test fails.
        for file in ["/proc/sys/kernel/domainname", "/proc/sysrq-trigger"] {
            if !scene.path(file).exists() {
                continue;
            }
            let said = scene.refused(&[], &format!(": > {file}"));
            assert!(said.contains("Read-only file system"), "{said}");
        }
    }
}

#[test]
fn a_process_can_still_write_to_its_own_part_of_proc() {
    for scene in scenes_of_all() {
        let rename = "echo renamed >/proc/self/comm; echo done";
        assert_eq!(scene.inside(&[], rename), "done\n");
    }
}
