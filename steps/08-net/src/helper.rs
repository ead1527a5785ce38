//! A network without root: a program of the user's own reads what the
//! container sends, and sends it again by sockets of its own.
//!
//! It makes an interface inside, of the kind that a program serves: a tap. For
//! the host it is a program that opens connections, like a browser.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use process::{Call, Error, Result};

/// Starts `pasta` or `slirp4netns`, which end with the container's network.
pub(crate) fn start(program: &str, container: &pid::Child) -> Result<()> {
    let pid = container.pid().to_string();
    let arguments: Vec<OsString> = match program {
        // It goes to the background when all is ready.
        "pasta" => vec!["--quiet".into(), "--config-net".into(), pid.into()],
        _ => return Err(Error::new("not yet")),
    };
    let output =
        Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::new(format_args!("there is no {program}"))
                .with_hint(
                    "install it (pasta is in the package passt), or take \
                     --network none",
                ));
        }
        output => output.call(format_args!("execve({program:?})"))?,
    };
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Error::new(format_args!("{program}: {}", said.trim_end())))
        }
    }
}
