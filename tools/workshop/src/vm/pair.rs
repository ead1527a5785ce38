//! Two guests on a network of their own.

use std::ops::ControlFlow::{Break, Continue};
use std::path::Path;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use process::{Error, Result};

use super::kernels::Bootable;
use super::{Guest, Job, lines};

/// Runs `script` in two guests at once, with `NODE` set to 1 and 2, and says
/// whether it succeeded in both. The guests live until it has, so that each can
/// answer the other.
///
/// Their network is a socket: nothing of it leaves this machine.
pub(crate) fn run(kernel: &Bootable, script: &Path) -> Result<()> {
    let first = Node::boot(kernel, script, 1)?;
    wait_for(&first.job)?;
    let second = Node::boot(kernel, script, 2)?;
    let first = spawn(move || first.finish());
    let second = second.finish();
    let first = first.join().map_err(|_| Error::new("a thread panicked"))?;
    first.and(second).map(drop)
}

struct Node {
    number: u8,
    job: Job,
    guest: Guest,
}

impl Node {
    fn boot(kernel: &Bootable, script: &Path, number: u8) -> Result<Self> {
        let script = format!(
            "#!/bin/sh\nNODE={number} {script:?}\necho @status $?\n\
             exec sleep infinity\n"
        );
        let job = Job::new(&format!("node{number}"), &script)?;
        let guest = Guest::boot(kernel, &job, false, &network(number))?;
        Ok(Self { number, job, guest })
    }

    /// Waits for the script's end. Gives the guest, which is still there.
    fn finish(mut self) -> Result<Guest> {
        let mut status = None;
        let output = self.guest.output();
        let silence = output.and_then(|output| {
            lines(output, |line| {
                println!("node {}: {line}", self.number);
                status = line.strip_prefix("@status ").map(str::to_owned);
                if status.is_some() { Break(()) } else { Continue(()) }
            })
        });
        match status.as_deref() {
            Some("0") => Ok(self.guest),
            status => Err(self.failure(status, silence)),
        }
    }

    fn failure(&self, status: Option<&str>, silence: Option<String>) -> Error {
        let ended = || silence.unwrap_or_else(|| "it ended".to_owned());
        let why = status.map_or_else(ended, |code| format!("status {code}"));
        Error::new(format_args!("node {}: {why}", self.number))
            .with_hint(format_args!("see {:?}", self.job.directory))
    }
}

/// The first node listens on a socket, the second connects to it.
fn network(number: u8) -> [String; 4] {
    let server = if number == 1 { "on" } else { "off" };
    [
        "-netdev".into(),
        format!(
            "stream,id=net,server={server},addr.type=unix,\
             addr.path=../node1/net"
        ),
        "-device".into(),
        // Without a ROM to boot from, which would take its time.
        format!(
            "virtio-net-pci,netdev=net,romfile=,mac=52:54:00:00:00:0{number}"
        ),
    ]
}

fn wait_for(job: &Job) -> Result<()> {
    let start = Instant::now();
    while !job.at("net").exists() {
        if start.elapsed() > Duration::from_secs(20) {
            return Err(Error::new("the first guest has no network")
                .with_hint(format_args!("see {:?}", job.directory)));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}
