//! Attacks on the kernel itself, through files of proc(5) that are no
//! process's but the whole machine's. Nothing is ever written to them.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use process::{Call, Error, Result};

use crate::outcome::{Finding, Outcome};
use crate::paths::read_from;
use crate::proc::Proc;
use crate::spec::Spec;

/// What the kernel's memory begins with: elf(5).
const ELF: &[u8] = b"\x7fELF";

/// Opens `core_pattern` for writing: core(5).
///
/// If the text there begins with `|`, it names a program that the kernel runs
/// at the next crash of any process, as root and in the first namespaces,
/// whatever container has crashed. A container may crash at will. The file has
/// the mode 0644 and asks for no capability: to be user 0 of the machine is
/// enough. So runtimes mount /proc/sys read-only.
pub(crate) fn core_pattern(canary: &Spec) -> Result<Finding> {
    let file: PathBuf = canary.get_if_planted("core-pattern")?;
    let proc = Proc::find_or_mount(canary)?;
    open_to_write(&proc.path().join(file))
}

/// Opens `sysrq-trigger` for writing: proc_sysrq-trigger(5).
///
/// A letter written there is an order to the kernel: `b` restarts the machine
/// at once, `c` crashes it, `i` kills every process. It too asks for user 0
/// and no capability.
pub(crate) fn sysrq_trigger(canary: &Spec) -> Result<Finding> {
    let file: PathBuf = canary.get_if_planted("sysrq-trigger")?;
    let proc = Proc::find_or_mount(canary)?;
    open_to_write(&proc.path().join(file))
}

/// Reads where the kernel's memory begins: proc_kcore(5).
///
/// The file is all of the machine's memory in the form of a core dump: the
/// keys and passwords of every process, whatever its namespaces. CAP_SYS_RAWIO
/// opens it.
pub(crate) fn kernel_memory(canary: &Spec) -> Result<Finding> {
    let file: PathBuf = canary.get_if_planted("kernel-memory")?;
    let proc = Proc::find_or_mount(canary)?;
    read_elf(&proc.path().join(file))
}

/// Opens `core_pattern` for writing in a new proc file system: mount(2).
///
/// What a runtime mounts read-only, or hides below /dev/null, it hides in one
/// mount and not in the file system: who may mount takes another. The kernel
/// itself is in the way only in user namespaces: there it mounts no proc file
/// system that would show more than the one in sight (`mount_too_revealing` in
/// its fs/namespace.c).
pub(crate) fn unmask(canary: &Spec) -> Result<Finding> {
    let file: PathBuf = canary.get_if_planted("unmask")?;
    let proc = Proc::mount(canary, &canary.inside()?)?;
    open_to_write(&proc.path().join(file))
}

/// What the planter itself can reach: for each attack its file, as a path in a
/// proc file system. What fails outside proves nothing inside.
pub(crate) fn plant(
    canary: &Spec,
    inside: &Path,
) -> [(&'static str, Result<&'static str>); 4] {
    let [pattern, trigger, memory] =
        ["sys/kernel/core_pattern", "sysrq-trigger", "kcore"];
    let proc = Path::new("/proc");
    let anew = Proc::mount(canary, inside)
        .and_then(|proc| open_to_write(&proc.path().join(pattern)));
    [
        ("core-pattern", pattern, open_to_write(&proc.join(pattern))),
        ("sysrq-trigger", trigger, open_to_write(&proc.join(trigger))),
        ("kernel-memory", memory, read_elf(&proc.join(memory))),
        ("unmask", pattern, anew),
    ]
    .map(|(attack, path, found)| {
        (attack, found.and_then(escaped).map(|()| path))
    })
}

/// What did not escape outside contains nothing inside.
fn escaped((outcome, evidence): Finding) -> Result<()> {
    match outcome {
        Outcome::Escaped => Ok(()),
        _ => Err(Error::new(evidence)),
    }
}

/// Opens a file of the kernel's for writing, and does not write.
fn open_to_write(path: &Path) -> Result<Finding> {
    let call = format!("open({path:?}, O_WRONLY)");
    let file = OpenOptions::new().write(true).open(path).call(&call)?;
    Ok(match is_of_proc(&file)? {
        true => (Outcome::Escaped, format!("{call} was granted")),
        false => (Outcome::Contained, hidden(path)),
    })
}

/// Reads the first bytes of the kernel's memory.
fn read_elf(path: &Path) -> Result<Finding> {
    let mut file = File::open(path).call(format_args!("open({path:?})"))?;
    let is_elf = read_from(&mut file, path)?.starts_with(ELF);
    Ok(match is_elf && is_of_proc(&file)? {
        true => (Outcome::Escaped, format!("{path:?} could be read")),
        false => (Outcome::Contained, hidden(path)),
    })
}

/// Whether it is the kernel's. A root file system may have a file of the same
/// name, and a runtime mount another one on top.
fn is_of_proc(file: &File) -> Result<bool> {
    let found = fstatfs(file).call("fstatfs()")?;
    Ok(found.filesystem_type() == PROC_SUPER_MAGIC)
}

fn hidden(path: &Path) -> String {
    format!("{path:?} is not the kernel's, but another file")
}

#[cfg(test)]
mod tests {
    use std::fs::write;

    use super::*;

    /// The name of a thread is a file of proc(5) with whatever is in it.
    #[test]
    fn only_a_file_of_the_kernels_is_its_memory() {
        let name = Path::new("/proc/thread-self/comm");
        let outcome = |path| read_elf(Path::new(path)).unwrap().0;
        write(name, ELF).unwrap();
        assert_eq!(outcome("/proc/thread-self/comm"), Outcome::Escaped);
        write(name, "no memory").unwrap();
        assert_eq!(outcome("/proc/thread-self/comm"), Outcome::Contained);
        assert_eq!(outcome("/proc/self/exe"), Outcome::Contained, "an ELF");
        assert_eq!(outcome("/dev/null"), Outcome::Contained, "as runc masks");
    }

    #[test]
    fn only_a_file_of_the_kernels_takes_orders() {
        let outcome = |path| open_to_write(Path::new(path)).unwrap().0;
        assert_eq!(outcome("/proc/thread-self/comm"), Outcome::Escaped);
        assert_eq!(outcome("/dev/null"), Outcome::Contained);
    }
}
