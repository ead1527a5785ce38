//! A network without root: a program of the user's own reads what the
//! container sends, and sends it again by sockets of its own.
//!
//! It makes an interface inside, of the kind that a program serves: a tap. For
//! the host it is a program that opens connections, like a browser.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio, exit};

use process::{Call, Error, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::sweeper;

/// Starts `pasta` or `slirp4netns`, and waits until the network is there.
///
/// They know how to enter the namespaces of a process: they are told its
/// number. Neither may lead to what listens on the host's loopback, nor goes
/// by itself when the container has ended.
pub(crate) fn start(program: &str, container: &pid::Child) -> Result<()> {
    let pid = container.pid().to_string();
    let mut command = Command::new(program);
    match program {
        // When it is ready, it writes its number.
        "pasta" => command
            .args(["--foreground", "--quiet", "--config-net"])
            .args(["--no-map-gw", "--pid=/proc/self/fd/1", &pid]),
        // When it is ready, it writes a 1.
        _ => command
            .args(["--configure", "--enable-ipv6", "--disable-host-loopback"])
            .args(["--ready-fd=1", &pid, "eth0"]),
    };
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::new(format_args!(
                "there is no program {program}"
            ))
            .with_hint(
                "install it (the package of pasta is passt), or take \
                 --network none",
            ));
        }
        child => child.call(format_args!("execve({program:?})"))?,
    };
    end_with(&child, container)?;
    wait_until_ready(&mut child).map_err(|said| {
        Error::new(format_args!("{program}: {}", said.trim_end()))
            .with_hint("run it by hand, with the number of a process")
    })
}

/// Has somebody end the helper when the container has ended.
fn end_with(helper: &Child, container: &pid::Child) -> Result<()> {
    let pid = Pid::from_child(helper);
    let helper = pidfd_open(pid, PidfdFlags::empty())
        .map_err(std::io::Error::from)
        .call("pidfd_open(helper)")?;
    process::spawn(|_| {
        sweeper::detach()?;
        sweeper::close_all_but([container.pidfd(), helper.as_fd()])?;
        sweeper::wait_for_end(container.pidfd())?;
        // Any other it has blocked, as this process has.
        pidfd_send_signal(helper.as_fd(), Signal::KILL)
            .map_err(std::io::Error::from)
            .call("pidfd_send_signal(helper)")?;
        exit(0)
    })
    .map(drop)
}

/// Fails with what the helper said, if it ended instead.
fn wait_until_ready(helper: &mut Child) -> std::result::Result<(), String> {
    let mut text = [0; 256];
    while let Some(stdout) = &mut helper.stdout {
        let length = stdout.read(&mut text).map_err(|e| e.to_string())?;
        // All else it says in words, and slirp4netns does so here.
        match text[..length].trim_ascii_end().last() {
            Some(last) if last.is_ascii_digit() => return Ok(()),
            Some(_) => {}
            None => break,
        }
    }
    let mut said = String::new();
    if let Some(stderr) = &mut helper.stderr {
        stderr.read_to_string(&mut said).map_err(|e| e.to_string())?;
    }
    Err(said)
}
