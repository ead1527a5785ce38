//! Both halves: run the attacks under a step, and judge.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use process::{Call, Error, Result};

use crate::canary::{Canary, PlantOptions, Sighting, plant};
use crate::neighbour::Tenant;
use crate::outcome::{Claim, Outcome, Report};
use crate::signals::HeldSignals;
use crate::spec::Spec;
use crate::{ATTACKS, Attack, Proof};

/// No attack takes longer unless something is wrong.
const TIMEOUT: Duration = Duration::from_secs(30);

/// In milliseconds, for the neighbour to say that it is there.
const PATIENCE: u16 = 10_000;

/// The descriptor that a sloppy caller of the step has open, or the next one
/// that is free.
const LEAKED: i32 = 9;

/// What a step is attacked with.
#[derive(Debug, clap::Args)]
pub struct AgainstOptions {
    #[command(flatten)]
    plant: PlantOptions,
    /// What makes the step another tenant's: `--vni=2` in the place of its
    /// `--vni=1`
    #[arg(long, value_name = "OPTION=VALUE", allow_hyphen_values = true)]
    other_tenant: Option<String>,
    /// The attacks; all, if none is named
    #[arg(value_name = "NAME", value_parser = crate::find)]
    attacks: Vec<&'static Attack>,
    /// The step, and all that comes before the command it runs; where
    /// `{volume}` stands, it gets the planted volume, as HOST:INSIDE; in the
    /// place of `{disk}` a device node of a disk that is worth limiting
    #[arg(last = true, required = true, value_name = "STEP")]
    step: Vec<OsString>,
}

/// Runs the attacks under a step, one after the other.
pub fn against(options: &AgainstOptions) -> Result<Vec<Report>> {
    let signals = HeldSignals::hold()?;
    let mut canary = plant(&options.plant)?;
    leak_root()?;
    let attacks = match options.attacks.as_slice() {
        [] => ATTACKS.iter().collect(),
        some => some.to_vec(),
    };
    attacks
        .into_iter()
        .map(|attack| {
            let mut unplanted = canary.unplanted.iter();
            if let Some(untried) =
                unplanted.find(|untried| untried.attack == attack.name)
            {
                return Ok(untried.clone());
            }
            let (mut neighbour, mut spec) = (None, canary.spec.clone());
            if let Some(tenant) = attack.neighbour {
                match Neighbour::start(options, tenant, &canary, &signals)? {
                    Ok((running, claim)) => {
                        neighbour = Some(running);
                        spec.set("claim", claim)?;
                    }
                    Err(said) => {
                        let why = (Outcome::Failed, said);
                        return Ok(Report::new(attack.name, why));
                    }
                }
            }
            let words = ["run", attack.name, "--format", "json"];
            let step = words_of(options, Tenant::Same, &canary)?;
            let mut step = command(&step, &words, &spec, &signals);
            let claim = claim(attack, &canary, &mut step, &signals)?;
            drop(neighbour);
            let seen = canary.witness()?;
            Ok(judge(attack, claim, &seen, &canary.secret))
        })
        .collect()
}

/// Leaves the root directory of the host open for every program that is
/// started from now on.
fn leak_root() -> Result<()> {
    let root = File::open("/").call("open(\"/\")")?;
    // Unlike every descriptor that the standard library opens, this copy is
    // not closed by execve(2).
    fcntl(&root, FcntlArg::F_DUPFD(LEAKED)).call("fcntl(F_DUPFD)").map(drop)
}

/// `STEP… attacks WORDS… --canary SPEC`.
fn command(
    step: &[OsString],
    words: &[&str],
    spec: &Spec,
    signals: &HeldSignals,
) -> Command {
    let mut step = step.iter();
    let mut command = Command::new(step.next().unwrap_or(&OsString::new()));
    command
        .args(step)
        .arg("attacks")
        .args(words)
        .arg("--canary")
        .arg(spec.to_string())
        .env("PATH", path_with_us())
        .stdin(Stdio::null());
    let before = signals.before;
    // SAFETY: between fork and exec only async-signal-safe calls may be made
    // (signal-safety(7)), and sigprocmask(2) is one. It allocates nothing.
    unsafe {
        command.pre_exec(move || before.thread_set_mask().map_err(Into::into))
    };
    command
}

/// Another sandbox of the same step. It ends with its standard input.
struct Neighbour(Child);

impl Neighbour {
    /// Starts it. Gives it with the address that it sends to, or, if it did
    /// not start, what it said.
    fn start(
        options: &AgainstOptions,
        tenant: Tenant,
        canary: &Canary,
        signals: &HeldSignals,
    ) -> Result<std::result::Result<(Self, Ipv4Addr), String>> {
        let words = words_of(options, tenant, canary)?;
        let mut stderr = memory_file()?;
        let child = command(&words, &["neighbour"], &canary.spec, signals)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr.try_clone().call("dup()")?)
            .spawn();
        let mut running = match child {
            Ok(child) => Self(child),
            Err(error) => return Ok(Err(format!("a neighbour: {error}"))),
        };
        let mut line = String::new();
        if let Some(stdin) = &mut running.0.stdin {
            // If it has ended, it says nothing either.
            let _ = stdin.write_all(format!("{}\n", canary.secret).as_bytes());
        }
        if let Some(stdout) = &mut running.0.stdout {
            // Readable when it has spoken, and when it never will.
            let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PATIENCE).call("poll(neighbour)")? == 0 {
                let _ = running.0.kill();
                return Ok(Err("the neighbour says nothing".into()));
            }
            BufReader::new(stdout)
                .read_line(&mut line)
                .call("read(neighbour)")?;
        }
        match line.trim().parse() {
            Ok(claim) => Ok(Ok((running, claim))),
            Err(_) => {
                drop(running);
                Ok(Err(format!("no neighbour: {}", read(&mut stderr)?.trim())))
            }
        }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It ends by itself; there is nobody to tell if it can't be waited for.
        let _ = self.0.wait();
    }
}

/// The step as this tenant starts it, with a volume where it asks for one.
fn words_of(
    options: &AgainstOptions,
    tenant: Tenant,
    canary: &Canary,
) -> Result<Vec<OsString>> {
    let volume = OsString::from(canary.volume()?);
    let other = match tenant {
        Tenant::Same => None,
        Tenant::Other => options.other_tenant.as_deref(),
    };
    let name = other.and_then(|other| other.split_inclusive('=').next());
    let word = |word: &OsString| match (word.to_string_lossy(), name, other) {
        (text, ..) if text == "{volume}" => volume.clone(),
        (text, Some(name), Some(other)) if text.starts_with(name) => {
            other.into()
        }
        (text, ..) if text.contains("{disk}") => {
            text.replace("{disk}", &canary.disk()).into()
        }
        _ => word.clone(),
    };
    Ok(options.step.iter().map(word).collect())
}

/// PATH, and the directory of this program, where a step without a root
/// directory of its own finds it.
fn path_with_us() -> OsString {
    let mut path =
        env::var_os("PATH").unwrap_or_else(|| process::DEFAULT_PATH.into());
    if let Some(directory) =
        env::current_exe().ok().as_deref().and_then(|path| path.parent())
    {
        path.push(":");
        path.push(directory);
    }
    path
}

/// What the inside half says.
fn claim(
    attack: &Attack,
    canary: &Canary,
    step: &mut Command,
    signals: &HeldSignals,
) -> Result<Report> {
    let failed =
        |why: String| Ok(Report::new(attack.name, (Outcome::Failed, why)));
    // Files, and not pipes: one that is full can't hold anybody up.
    let (mut stdout, mut stderr) = (memory_file()?, memory_file()?);
    step.stdout(stdout.try_clone().call("dup()")?);
    step.stderr(stderr.try_clone().call("dup()")?);
    let child = match step.spawn() {
        Ok(child) => child,
        Err(error) => {
            return failed(format!("{:?}: {error}", step.get_program()));
        }
    };
    let Some(status) = wait(child, signals)? else {
        return failed(format!("no answer after {TIMEOUT:?}: killed"));
    };
    let (stdout, stderr) = (read(&mut stdout)?, read(&mut stderr)?);
    match serde_json::from_str::<Claim>(stdout.trim()) {
        Ok(claim) if is_steps_own(status) => {
            failed(format!("{status}, and yet a report: {:?}", claim.report))
        }
        Ok(claim) if claim.id != canary.id => failed(format!(
            "the id of a report is {:?} instead of {:?}: did another program \
             print it, or an `attacks` of another version?",
            claim.id, canary.id
        )),
        Ok(claim) if claim.report.attack != attack.name => {
            failed(format!("a report of {:?}", claim.report.attack))
        }
        Ok(claim) => Ok(claim.report),
        Err(_) => failed(format!("{status}, and no report: {}", stderr.trim())),
    }
}

/// Whether the step says that it did not run the command: docker-run(1),
/// "Exit status".
fn is_steps_own(status: ExitStatus) -> bool {
    matches!(status.code(), Some(125..=127))
}

/// Waits for the step; nothing if it took too long and was killed.
fn wait(mut child: Child, signals: &HeldSignals) -> Result<Option<ExitStatus>> {
    let until = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().call("waitpid(step)")? {
            return Ok(Some(status));
        }
        let signal = signals.wait(None, Some(until))?;
        if signal.is_none() && Instant::now() < until {
            continue;
        }
        child.kill().call("kill(step, SIGKILL)")?;
        child.wait().call("waitpid(step)")?;
        return match signal {
            None => Ok(None),
            Some(number) => {
                Err(Error::new(format_args!("ended by signal {number}"))
                    .with_exit_code(128 + number))
            }
        };
    }
}

/// Weighs what the inside half claims and what the witness saw. Either is
/// enough for an escape; a claim alone must be proven.
fn judge(
    attack: &Attack,
    claim: Report,
    seen: &[Sighting],
    secret: &str,
) -> Report {
    if let Some(seen) = seen.iter().find(|seen| seen.attack == attack.name) {
        let evidence = (Outcome::Escaped, seen.evidence.clone());
        return Report::new(attack.name, evidence);
    }
    let is_unproven = match attack.proof {
        Proof::Secret => !claim.evidence.contains(secret),
        Proof::Witness => true,
        Proof::Comparison => false,
    };
    match claim.outcome {
        Outcome::Escaped if is_unproven => Report {
            outcome: Outcome::Failed,
            evidence: format!("claimed without proof: {}", claim.evidence),
            ..claim
        },
        Outcome::Attempted => Report {
            outcome: Outcome::Contained,
            evidence: format!(
                "{}, and nothing happened to the host",
                claim.evidence
            ),
            ..claim
        },
        _ => claim,
    }
}

fn memory_file() -> Result<File> {
    memfd_create("output", MFdFlags::MFD_CLOEXEC)
        .map(File::from)
        .call("memfd_create()")
}

/// What a program has written, as far as anybody wants to read it.
fn read(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind().call("lseek()")?;
    file.take(1 << 16).read_to_end(&mut bytes).call("read(output)")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
