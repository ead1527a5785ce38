//! The kernel and the processor.

use workshop::doctor::Status::{Ok as Fine, Problem, Warning};

use crate::fixture::{OSRELEASE, machine};

#[test]
fn kernel_must_be_5_15() {
    let of = |release| machine(&[(OSRELEASE, release)]);
    of("5.10.0-33-amd64\n").expect("kernel", Problem, "5.10.0-33-amd64");
    of("5.15.0-91-generic\n").expect("kernel", Fine, "5.15.0-91");
    of("6.1.0-30-amd64\n").expect("kernel", Fine, "6.1");
    of("plan9\n").expect("kernel", Warning, "unknown");
}

#[test]
fn kernel_news_depends_on_the_version() {
    let of = |release| machine(&[(OSRELEASE, release)]);
    of("5.15.0\n").expect("kernel-news", Fine, "memory.peak");
    of("6.1.0\n").expect("kernel-news", Fine, "TCP ports (6.7)");
    of("6.12.5\n").expect("kernel-news", Fine, "all that");
    of("plan9\n").expect("kernel-news", Warning, "unknown");
}

#[test]
fn architecture_must_be_known() {
    let mut fixture = machine(&[]);
    fixture.machine.architecture = "aarch64".into();
    fixture.expect("architecture", Fine, "aarch64");
    fixture.machine.architecture = "riscv64".into();
    fixture.expect("architecture", Problem, "riscv64");
}
