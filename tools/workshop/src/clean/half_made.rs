//! Root file systems whose maker was killed.

use std::fs;

use process::Result;

use super::canaries::is_for_us;
use super::directories::{self, directories_in, name_of};
use super::{Leftover, Place};

/// How the names of the directories begin that the tests of `attacks` make in
/// the temporary directory, since all users must reach them.
const TEST: &str = ".attacks-test";

/// What scripts and tests were working on.
pub(super) fn find(place: &Place) -> Result<Vec<Leftover>> {
    let tests = directories_in(&place.temporary)?
        .into_iter()
        .filter(|path| name_of(path).starts_with(TEST) && is_for_us(path));
    Ok(directories_in(&place.rootfs)?
        .into_iter()
        .chain(tests)
        .filter(|path| maker(name_of(path)).is_some_and(|pid| !is_at_work(pid)))
        .map(|path| directories::leftover("half-made root file system", path))
        .collect())
}

/// The pid in `.NAME.PID`: see `begin` in rootfs-scripts/layout.sh.
fn maker(name: &str) -> Option<u32> {
    let (name, pid) = name.strip_prefix('.')?.rsplit_once('.')?;
    pid.parse().ok().filter(|_| !name.is_empty())
}

/// Whether the process is there, and one that could be making it: a script,
/// or a test, which works on a copy.
fn is_at_work(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|words| words.contains(".sh") || words.contains("/deps/"))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::super::tests::{place, remove_all};
    use super::*;

    #[test]
    fn a_half_made_root_is_removed_once_its_script_is_gone() {
        let (_directory, place) = place();
        // No process has a number this high: pid_max in proc(5).
        for name in [".host.4999999", ".4999999", "a.4999999"] {
            fs::create_dir_all(place.rootfs.join(name).join("root")).unwrap();
        }
        for name in [".attacks-test-0.4999999", ".other.4999999"] {
            fs::create_dir_all(place.temporary.join(name)).unwrap();
        }
        assert_eq!(remove_all(find(&place).unwrap()), 2);
        assert!(!place.rootfs.join(".host.4999999").exists());
        assert!(place.temporary.join(".other.4999999").exists());
        assert!(place.rootfs.join("host").exists());
    }

    #[test]
    fn a_root_that_is_being_made_is_kept() {
        let (_directory, place) = place();
        let mut script = Command::new("sh")
            .args(["-c", "echo; read -r line", "host.sh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = script.stdout.take().unwrap();
        std::io::Read::read_exact(&mut output, &mut [0]).unwrap();
        let work = place.rootfs.join(format!(".host.{}", script.id()));
        fs::create_dir(&work).unwrap();
        assert!(find(&place).unwrap().is_empty());

        script.kill().unwrap();
        script.wait().unwrap();
        assert_eq!(remove_all(find(&place).unwrap()), 1);
    }
}
