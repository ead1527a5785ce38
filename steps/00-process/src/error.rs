//! What was asked of the kernel, what it answered, and what to do about it.

use std::fmt::{self, Display};
use std::io;

use nix::errno::Errno;

/// The result of everything in the kit that may fail.
pub type Result<T> = std::result::Result<T, Error>;

/// The exit code when the kit itself fails, as docker(1) and chroot(1) have
/// it: no command was started.
pub const FAILED: u8 = 125;

/// A failure, as the user reads it.
#[derive(Debug)]
pub struct Error {
    message: String,
    errno: Option<Errno>,
    hint: Option<String>,
    exit_code: u8,
}

impl Error {
    /// A failure that no system call reported, such as a setting that reads
    /// back otherwise than it was written.
    pub fn new(message: impl Display) -> Self {
        Self {
            message: message.to_string(),
            errno: None,
            hint: None,
            exit_code: FAILED,
        }
    }

    /// A system call, as the user would find it in the manual, and the
    /// kernel's answer.
    pub fn of_call(call: impl Display, errno: Errno) -> Self {
        Self {
            errno: Some(errno),
            ..Self::new(format_args!("{call}: {errno}"))
        }
    }

    /// Adds the likely cause and the remedy.
    pub fn with_hint(self, hint: impl Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }

    /// Sets the exit code, which is [`FAILED`] otherwise.
    pub fn with_exit_code(self, exit_code: u8) -> Self {
        Self { exit_code, ..self }
    }

    /// The code that the tool exits with.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// The kernel's answer, if a system call failed.
    pub fn errno(&self) -> Option<Errno> {
        self.errno
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Names the system call whose result this is.
pub trait Call<T> {
    /// `chroot(root).call(format_args!("chroot({root:?})"))?`: the text is
    /// only made when the call failed.
    fn call(self, call: impl Display) -> Result<T>;
}

impl<T> Call<T> for nix::Result<T> {
    fn call(self, call: impl Display) -> Result<T> {
        self.map_err(|errno| Error::of_call(call, errno))
    }
}

impl<T> Call<T> for io::Result<T> {
    fn call(self, call: impl Display) -> Result<T> {
        self.map_err(|error| match error.raw_os_error() {
            Some(errno) => Error::of_call(call, Errno::from_raw(errno)),
            // The standard library refused before it asked the kernel.
            None => Error::new(format_args!("{call}: {error}")),
        })
    }
}

/// Says what a learner who meets this answer of the kernel should know.
pub trait Hint {
    /// Adds the hint if the failed call was answered with `errno`.
    fn hint(self, errno: Errno, hint: impl Display) -> Self;
}

impl<T> Hint for Result<T> {
    fn hint(self, errno: Errno, hint: impl Display) -> Self {
        self.map_err(|error| match error.errno {
            Some(answer) if answer == errno => error.with_hint(hint),
            _ => error,
        })
    }
}
