//! What differs from one kind of processor to the next. Guests have that of
//! the machine.

use process::{Error, Result};

/// The names for one kind.
#[derive(Debug)]
pub(super) struct Architecture {
    /// As [`std::env::consts::ARCH`] has it.
    name: &'static str,
    /// The program that emulates it, and the machine that it is to be.
    ///
    /// Not `microvm`, which boots faster, but hangs when the machine is busy.
    pub(super) qemu: &'static str,
    pub(super) machine: &'static str,
    /// With QEMU 7.2, kernels from 6.12 on fail at random with the
    /// instruction `cmpxchg16b`; they do without. `erms` tells the kernel to
    /// clear and copy memory a byte at a time, which only hardware does fast.
    pub(super) emulated_cpu: &'static str,
    /// The flags in /proc/cpuinfo of which one says that KVM may work.
    pub(super) virtualization: [&'static str; 2],
    /// The device by which a guest ends QEMU with an exit status.
    pub(super) exit_device: &'static str,
    pub(super) console: &'static str,
    /// Debian's package of the kernel for virtual machines.
    pub(super) kernel_package: &'static str,
}

const KNOWN: &[Architecture] = &[Architecture {
    name: "x86_64",
    qemu: "qemu-system-x86_64",
    machine: "q35",
    emulated_cpu: "max,-cx16,-erms",
    virtualization: ["vmx", "svm"],
    exit_device: "isa-debug-exit,iobase=0xf4,iosize=4",
    console: "ttyS0",
    kernel_package: "linux-image-cloud-amd64",
}];

/// The machine's.
pub(super) fn here() -> Result<&'static Architecture> {
    let name = std::env::consts::ARCH;
    KNOWN.iter().find(|each| each.name == name).ok_or_else(|| {
        Error::new(format_args!("no virtual machines on {name}"))
            .with_hint("the kit's own guests are x86_64 so far")
    })
}
