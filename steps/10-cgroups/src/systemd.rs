//! Where systemd runs, the tree of groups is its own, and it is asked for a
//! part: <https://systemd.io/CGROUP_DELEGATION>.
//!
//! What others write to its groups, systemd takes back at the next
//! daemon-reload: controllers are switched off, and limits vanish with their
//! files. Only a *delegated* group is left alone. We ask for a *scope*, a
//! group for processes that exist already: this one. systemd removes it when
//! it is empty, even if we are killed.
//!
//! The request is one message of D-Bus, written by hand: a library for the
//! rest of D-Bus would be larger than all of the kit. It goes to systemd
//! itself, as that of systemctl(1) does, so no bus need run.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use process::{Call, Error, Result};

use crate::hierarchy::{Version, hierarchies};
use crate::write::write;

/// The leaf of the scope in which this process waits: its children get
/// controllers, so the scope itself may have no processes.
const TOOL: &str = "tool";

/// How often it is looked whether systemd has done it.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// Moves this process to a scope of its own, if systemd is here to ask; else
/// does nothing. A user who has no systemd of his own makes what he may.
///
/// What a group weighs counts among its neighbours, and those of ours are the
/// scopes: so systemd is told the weight.
pub(crate) fn enter_scope(name: &str, cpu_weight: Option<u64>) -> Result<()> {
    // See sd_booted(3).
    if !Path::new("/run/systemd/system").exists() || !socket().exists() {
        return Ok(());
    }
    let unit = format!("{name}.scope");
    request(&unit, cpu_weight)?;
    for _ in 0..TRIES {
        let file = "/proc/self/cgroup";
        let groups =
            fs::read_to_string(file).call(format_args!("read({file:?})"))?;
        if groups.lines().any(|line| line.ends_with(&unit)) {
            return move_to_leaf();
        }
        sleep(PAUSE);
    }
    Err(Error::new(format_args!("systemd did not make {unit}"))
        .with_hint("journalctl(1) may say why; --cgroup-parent needs no scope"))
}

fn move_to_leaf() -> Result<()> {
    for tree in hierarchies()?.iter().filter(|t| t.version == Version::V2) {
        let leaf = tree.own.join(TOOL);
        fs::create_dir(&leaf).call(format_args!("mkdir({leaf:?})"))?;
        write(&leaf, "cgroup.procs", "0")?; // 0 is who writes.
    }
    Ok(())
}

/// The parent of our group, for a process that has moved to the leaf.
pub(crate) fn above_leaf(own: &Path) -> PathBuf {
    match own.parent() {
        Some(scope)
            if own.ends_with(TOOL)
                && scope.extension().is_some_and(|e| e == "scope") =>
        {
            scope.into()
        }
        _ => own.into(),
    }
}

/// systemd's socket: the machine's, or that of the user's own systemd.
fn socket() -> PathBuf {
    let machines = "/run/systemd/private";
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(directory) if !nix::unistd::geteuid().is_root() => {
            Path::new(&directory).join("systemd/private")
        }
        _ => machines.into(),
    }
}

/// Sends the message, and reads what systemd answers.
fn request(unit: &str, cpu_weight: Option<u64>) -> Result<()> {
    let path = socket();
    let talk = || {
        let mut stream = UnixStream::connect(&path)?;
        // Who we are, the socket tells: "EXTERNAL", with nothing to add.
        stream.write_all(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")?;
        stream.write_all(&start_transient_unit(unit, cpu_weight))?;
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !answer.windows(2).any(|w| w == b"l\x02" || w == b"l\x03") {
            match stream.read(&mut buffer)? {
                0 => break,
                n => answer.extend(&buffer[..n]),
            }
        }
        Ok(answer)
    };
    let answer: Vec<u8> = talk().map_err(|error: std::io::Error| {
        Error::new(format_args!("systemd at {path:?}: {error}")).with_hint(
            "a group is asked of systemd, the owner of all groups here: as \
             root, or in a session of your own; --cgroup-parent names one \
             that was delegated to you, --cgroups disabled goes without",
        )
    })?;
    match answer.windows(2).any(|w| w == b"l\x03") {
        false => Ok(()),
        true => Err(Error::new(format_args!(
            "systemd refuses {unit}: {}",
            String::from_utf8_lossy(&answer).replace(char::is_control, " ")
        ))
        .with_hint("--cgroup-parent names a group that was delegated to you")),
    }
}

/// A message of D-Bus: every value is aligned to its size, counted from the
/// start. <https://dbus.freedesktop.org/doc/dbus-specification.html>
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn number(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u32);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn signature(&mut self, text: &str) {
        self.0.push(text.len() as u8);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    /// Of elements that are aligned to `to`: the length comes first.
    fn array(&mut self, to: usize, fill: impl FnOnce(&mut Self)) {
        self.number(0);
        let at = self.0.len() - 4;
        self.align(to);
        let start = self.0.len();
        fill(self);
        let length = (self.0.len() - start) as u32;
        self.0[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// StartTransientUnit(name, mode, properties, auxiliary units) of
/// org.freedesktop.systemd1(5).
fn start_transient_unit(unit: &str, cpu_weight: Option<u64>) -> Vec<u8> {
    let mut body = Message::default();
    body.text(unit);
    body.text("fail"); // If there is one of this name.
    body.array(8, |properties| {
        properties.align(8);
        properties.text("Delegate");
        properties.signature("b");
        properties.number(1);
        properties.align(8);
        properties.text("PIDs");
        properties.signature("au");
        // 0: whoever is at the other end of the socket. Our own number may
        // be another process's where systemd is.
        properties.array(4, |pids| pids.number(0));
        properties.align(8);
        properties.text("CollectMode");
        properties.signature("s");
        properties.text("inactive-or-failed");
        if let Some(weight) = cpu_weight {
            properties.align(8);
            properties.text("CPUWeight");
            properties.signature("t");
            properties.align(8);
            properties.0.extend(weight.to_le_bytes());
        }
    });
    body.array(8, |_| {});

    let mut message = Message(b"l\x01\0\x01".to_vec()); // A call.
    message.number(body.0.len() as u32);
    message.number(1); // Its number.
    let interface = "org.freedesktop.systemd1.Manager";
    message.array(8, |fields| {
        for (code, kind, value) in [
            (1, "o", "/org/freedesktop/systemd1"),
            (2, "s", interface),
            (3, "s", "StartTransientUnit"),
            (6, "s", "org.freedesktop.systemd1"),
            (8, "g", "ssa(sv)a(sa(sv))"),
        ] {
            fields.align(8);
            fields.0.push(code);
            fields.signature(kind);
            match kind {
                "g" => fields.signature(value),
                _ => fields.text(value),
            }
        }
    });
    message.align(8);
    message.0.extend(body.0);
    message.0
}
