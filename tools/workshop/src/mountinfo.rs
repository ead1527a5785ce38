//! The table of mounts as the kernel tells it: proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One mount. A line is
/// `36 35 98:0 /root /point options optional… - type source super-options`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The directory or file that the mount covers.
    pub point: PathBuf,
    /// The options of this mount, such as `rw,nosuid`.
    pub options: String,
    /// The type of the file system.
    pub kind: String,
    /// The options of the file system, whatever place it is mounted at.
    pub super_options: String,
}

/// The mounts in the order of the table: a later one covers an earlier one
/// at the same place.
pub fn parse(table: &str) -> Vec<Mount> {
    table.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(4);
    let mut file_system = file_system.split(' ');
    Some(Mount {
        point: unescape(mount.next()?),
        options: mount.next()?.to_owned(),
        kind: file_system.next()?.to_owned(),
        super_options: file_system.nth(1)?.to_owned(),
    })
}

/// The mount on which `path` lies.
pub fn covering<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.as_os_str().len())
}

impl Mount {
    /// Whether one of the options of the mount or of its file system is this.
    pub fn has_option(&self, option: &str) -> bool {
        let mut all =
            self.options.split(',').chain(self.super_options.split(','));
        all.any(|one| one == option)
    }
}

/// A blank, tab, newline or backslash in a path is written in octal: `\040`.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'\\').then(|| tail.get(..3)).flatten();
        match code.and_then(octal) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible
27 1 254:0 / / rw,nosuid master:1 - ext4 /dev/vda rw,discard
28 27 0:25 / /srv/a\\040b\\134c ro - tmpfs none rw\n";

    #[test]
    fn a_line_is_taken_apart() {
        let mounts = parse(TABLE);
        assert_eq!(mounts.len(), 3);
        assert_eq!(mounts[1].point, Path::new("/"));
        assert_eq!(mounts[1].kind, "ext4");
        assert!(mounts[1].has_option("nosuid"));
        assert!(mounts[1].has_option("discard"));
        assert!(!mounts[1].has_option("no"));
    }

    #[test]
    fn a_path_is_unescaped() {
        assert_eq!(parse(TABLE)[2].point, Path::new("/srv/a b\\c"));
    }

    #[test]
    fn a_path_lies_on_the_nearest_mount() {
        let mounts = parse(TABLE);
        let find = |path| covering(&mounts, Path::new(path)).map(|m| &m.kind);
        assert_eq!(find("/srv/a b\\c/d"), Some(&"tmpfs".to_owned()));
        assert_eq!(find("/srv/a"), Some(&"ext4".to_owned()));
        assert_eq!(find("/process"), Some(&"ext4".to_owned()));
    }
}
