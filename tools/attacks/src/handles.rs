//! An attack on a file system as a whole: open a file by its inode.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use libc::{c_int, file_handle};
use nix::errno::Errno;
use process::{Call, Error, Result};

use crate::outcome::{Finding, Outcome};
use crate::paths::read_from;
use crate::spec::{Spec, from_hex, to_hex};
use crate::volume;

/// MAX_HANDLE_SZ of name_to_handle_at(2).
const MAX_LENGTH: usize = 128;

/// Opens a file by its handle: open_by_handle_at(2).
///
/// A handle is little more than the number of an inode. The kernel looks it
/// up in the file system of any file that is at hand, and no root directory
/// or mount is in the way: only CAP_DAC_READ_SEARCH. Sebastian Krahmer's
/// "shocker" read the host's /etc/shadow from docker in 2014 that way, and
/// guessed the handles.
pub(crate) fn open_by_handle(canary: &Spec) -> Result<Finding> {
    let mut handle: Handle = canary.get_if_planted("handle")?;
    let path: PathBuf = canary.get("file")?;
    let Some((name, place)) = open_on_device(handle.device, canary)? else {
        return Ok((
            Outcome::Untried,
            "nothing in here is on the file system of the canary".into(),
        ));
    };
    let mut file = handle
        .open(&place)
        .call(format_args!("open_by_handle_at({name:?}, …)"))?;
    canary.judge(
        &read_from(&mut file, &path)?,
        format_args!("{}, by its handle and {name:?}", path.display()),
    )
}

/// Something open on the file system that the handle belongs to.
fn open_on_device(
    device: u64,
    canary: &Spec,
) -> Result<Option<(PathBuf, File)>> {
    // The files of `/etc` are what runtimes mount from the host, as volumes
    // are. `/` may be a layer above the host's files.
    let names = ["/", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
    let inside = canary.get::<PathBuf>("inside")?;
    let places = [inside.join(volume::NAME), inside];
    for name in names.map(PathBuf::from).into_iter().chain(places) {
        if let Ok(file) = File::open(&name)
            && file.metadata().is_ok_and(|found| found.dev() == device)
        {
            return Ok(Some((name, file)));
        }
    }
    Ok(None)
}

/// The handle of a file, for SPEC: if it has one, and if the planter can open
/// it. What fails outside proves nothing inside.
pub(crate) fn plant(path: &Path) -> Result<Handle> {
    let mut handle = Handle::of(path)?;
    let place = File::open(path).call(format_args!("open({path:?})"))?;
    handle.open(&place).call(format_args!("open_by_handle_at({path:?}, …)"))?;
    Ok(handle)
}

/// A file handle, and the device that it is for.
#[derive(Debug)]
pub(crate) struct Handle {
    device: u64,
    raw: RawHandle,
}

/// `struct file_handle` with room for the bytes that follow it.
#[derive(Debug)]
#[repr(C)]
struct RawHandle {
    handle_bytes: u32,
    handle_type: c_int,
    f_handle: [u8; MAX_LENGTH],
}

impl Handle {
    fn of(path: &Path) -> Result<Self> {
        let call = format!("name_to_handle_at({path:?})");
        let device =
            fs::metadata(path).call(format_args!("stat({path:?})"))?.dev();
        let c_path = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| Error::of_call(&call, Errno::EINVAL))?;
        let mut raw = RawHandle {
            handle_bytes: MAX_LENGTH as u32,
            handle_type: 0,
            f_handle: [0; MAX_LENGTH],
        };
        let mut mount_id = 0;
        // SAFETY: name_to_handle_at(2) reads the path, which ends in NUL, and
        // writes an int and at most `handle_bytes` bytes behind the head of
        // the handle: `RawHandle` has the layout of `file_handle` and as
        // many bytes at its end.
        let result = unsafe {
            libc::name_to_handle_at(
                libc::AT_FDCWD,
                c_path.as_ptr(),
                (&raw mut raw).cast::<file_handle>(),
                &raw mut mount_id,
                0,
            )
        };
        Errno::result(result).call(call)?;
        Ok(Self { device, raw })
    }

    fn open(&mut self, place: &File) -> nix::Result<File> {
        let handle = (&raw mut self.raw).cast::<file_handle>();
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: open_by_handle_at(2) reads `handle_bytes` bytes behind the
        // head, which is at most MAX_LENGTH: the kernel said so, or
        // `from_str`.
        let result = unsafe {
            libc::open_by_handle_at(place.as_raw_fd(), handle, flags)
        };
        let fd = Errno::result(result)?;
        // SAFETY: the kernel has this moment opened it, for us alone.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into())
    }
}

/// `DEVICE:TYPE:BYTES`.
impl std::fmt::Display for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { device, raw } = self;
        let bytes = &raw.f_handle[..raw.handle_bytes as usize];
        write!(f, "{device}:{}:{}", raw.handle_type, to_hex(bytes))
    }
}

impl FromStr for Handle {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (device, rest) = text.split_once(':').ok_or(())?;
        let (handle_type, bytes) = rest.split_once(':').ok_or(())?;
        let bytes = from_hex(bytes).ok_or(())?;
        let mut f_handle = [0; MAX_LENGTH];
        f_handle.get_mut(..bytes.len()).ok_or(())?.copy_from_slice(&bytes);
        Ok(Self {
            device: device.parse().map_err(drop)?,
            raw: RawHandle {
                handle_bytes: bytes.len() as u32,
                handle_type: handle_type.parse().map_err(drop)?,
                f_handle,
            },
        })
    }
}
