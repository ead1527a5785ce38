//! How a guest's processor is made: by the machine's own, or emulated.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::architecture::Architecture;
use super::kernels::Bootable;

/// The words for QEMU.
pub(super) type Words = [&'static str; 4];

const KVM: Words = ["-accel", "kvm", "-cpu", "host"];

/// With one thread for all processors: with several, a kernel that changes its
/// own code is sooner or later killed by what another processor still runs.
fn emulated(architecture: &Architecture) -> Words {
    ["-accel", "tcg,thread=single", "-cpu", architecture.emulated_cpu]
}

/// KVM if it works, and emulation otherwise.
///
/// That /dev/kvm is there says little. Within a virtual machine a guest may
/// hang for ever, and QEMU does not turn to emulation by itself.
pub(super) fn words(architecture: &Architecture, kernel: &Bootable) -> Words {
    static KVM_WORKS: OnceLock<bool> = OnceLock::new();
    let works =
        || has_flag(architecture) && opens() && boots(architecture, kernel);
    match KVM_WORKS.get_or_init(works) {
        true => KVM,
        false => emulated(architecture),
    }
}

fn has_flag(architecture: &Architecture) -> bool {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    says_kvm(architecture, &text)
}

fn says_kvm(architecture: &Architecture, cpuinfo: &str) -> bool {
    let mut flags = cpuinfo
        .lines()
        .filter_map(|line| line.strip_prefix("flags"))
        .flat_map(str::split_whitespace);
    flags.any(|flag| architecture.virtualization.contains(&flag))
}

fn opens() -> bool {
    File::options().read(true).write(true).open("/dev/kvm").is_ok()
}

/// Whether a guest gets as far as to find that it has no root, and goes off.
fn boots(architecture: &Architecture, kernel: &Bootable) -> bool {
    let status = Command::new("timeout")
        .args(["--signal=KILL", "20", architecture.qemu])
        .args(["-machine", architecture.machine, "-m", "512"])
        .args(KVM)
        .args(["-nodefaults", "-display", "none", "-no-reboot"])
        .arg("-kernel")
        .arg(kernel.directory.join("vmlinuz"))
        .arg("-initrd")
        .arg(kernel.directory.join("initramfs"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_a_word_of_its_own() {
        let here = crate::vm::architecture::here().unwrap();
        assert!(says_kvm(here, "processor : 0\nflags : fpu vmx sse\n"));
        assert!(!says_kvm(here, "flags : fpu sse\nvmx flags : vnmi\n"));
    }
}
