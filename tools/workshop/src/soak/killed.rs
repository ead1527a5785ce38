//! Containers that are killed at any moment: the tool that starts one, its
//! owner, or its first process.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process::{Call, Error, Result};
use serde_json::json;

use super::PATIENCE;
use super::tool::{BRIDGED, Tool, network};

/// When a tool is killed, after it was started.
const LATEST: u64 = 100_000;
/// Of so many, one is killed as it starts, and all others live for a while.
const KINDS: u64 = 4;

/// The tools that are killed as they start a container.
const VERBS: [&[&str]; 3] = [&["run"], &["run", "--detach"], &["create"]];

/// What all of them run.
const SLEEP: &[&str] = &["sleep", "1000000"];

/// Who can be killed, by where their numbers are in what is known of one.
const OWNER: &str = "/state/owner";
const FIRST: &str = "/pid";

/// Starts so many, and kills most of them; whoever was not must be listed as
/// running, and nobody else.
pub(super) fn run(tool: &Tool, count: usize, seed: Option<u64>) -> Result<()> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let clock = since.unwrap_or_default().as_nanos() as u64;
    let mut random = Random(seed.unwrap_or(clock));
    println!("--seed {}", random.0);
    let mut living = BTreeSet::new();
    for number in 0..count {
        let network = network(number.is_multiple_of(BRIDGED));
        let mut options = vec!["--network", network];
        options.extend(random.below(2).eq(&0).then_some("--rm"));
        if random.below(KINDS) == 0 {
            let verb = VERBS[random.below(VERBS.len() as u64) as usize];
            let name = format!("killed-{number}");
            options.extend(["--name", &name]);
            let start = tool.start(verb, &options, SLEEP);
            kill_tool(start, random.below(LATEST))?;
            remove(tool, &name)?;
            continue;
        }
        options.insert(0, "-d");
        living.insert(start(tool, &options)?);
        // Somebody, of any age.
        let at = random.below(living.len() as u64) as usize;
        if random.below(KINDS) > 0
            && let Some(id) = living.iter().nth(at).cloned()
        {
            let whom = [OWNER, FIRST][random.below(2) as usize];
            kill_one(tool, &id, whom)?;
            living.remove(&id);
            must_not_lie(tool, &living)?;
            must_be_told(tool, &id, whom)?;
        }
    }
    println!("{} of {count} were never killed", living.len());
    must_not_lie(tool, &living)?;
    tool.remove_all()
}

fn start(tool: &Tool, options: &[&str]) -> Result<String> {
    let mut run = tool.start(&["run"], options, SLEEP);
    let output = run.output().call("execve(\"16-container\")")?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().into()),
        false => Err(Error::new(format_args!(
            "{run:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

fn kill_tool(mut start: Command, after: u64) -> Result<()> {
    let mut child =
        start.stdout(Stdio::null()).spawn().call("execve(\"16-container\")")?;
    thread::sleep(Duration::from_micros(after));
    child.kill().call("kill(tool, SIGKILL)")?;
    child.wait().call("wait4(tool)").map(drop)
}

/// If the tool was killed too late, its container lives, or is about to: as
/// long as a process has its name on the command line.
fn remove(tool: &Tool, name: &str) -> Result<()> {
    let start = Instant::now();
    loop {
        let has_begun = is_on_a_command_line(name)?;
        let _ = tool.remove(&[name]); // There may be none.
        if !has_begun {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(Error::new(format_args!("{name} does not end")));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn is_on_a_command_line(name: &str) -> Result<bool> {
    let processes = fs::read_dir("/proc").call("open(\"/proc\")")?.flatten();
    let lines = processes.flat_map(|process| {
        fs::read(process.path().join("cmdline")) // Not all are processes.
    });
    let has = |line: Vec<u8>| {
        line.split(|byte| *byte == 0).any(|word| word == name.as_bytes())
    };
    Ok(lines.into_iter().any(has))
}

/// Kills whoever is named so in what is known of the container.
fn kill_one(tool: &Tool, id: &str, whom: &str) -> Result<()> {
    let known = tool.inspect(id).ok_or_else(|| {
        Error::new(format_args!("{id}: a container that lives is not known"))
    })?;
    let pid = known.pointer(whom).and_then(|pid| pid.as_i64());
    let pid = pid.ok_or_else(|| {
        Error::new(format_args!("{id} lives, and has no {whom}: {known}"))
    })?;
    kill(Pid::from_raw(pid as i32), Signal::SIGKILL)
        .call(format_args!("kill({pid}, SIGKILL)"))
}

/// What `ps` says is so, as soon as the killed have had time to die.
fn must_not_lie(tool: &Tool, living: &BTreeSet<String>) -> Result<()> {
    let start = Instant::now();
    loop {
        let listed: BTreeSet<_> = tool.running()?.into_iter().collect();
        if listed == *living {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(Error::new(format_args!(
                "ps lists as running what does not: {:?}; and not what does: \
                 {:?}",
                listed.difference(living).collect::<Vec<_>>(),
                living.difference(&listed).collect::<Vec<_>>()
            )));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What became of a killed one is known, unless it was to be forgotten: of
/// whose owner was killed nobody has seen the end.
fn must_be_told(tool: &Tool, id: &str, whom: &str) -> Result<()> {
    let Some(known) = tool.inspect(id) else { return Ok(()) };
    let expected = match whom {
        OWNER => json!(["lost", null]),
        _ => json!(["exited", 137]),
    };
    let state = &known["state"];
    match json!([state["status"], state["exit_code"]]) == expected {
        true => Ok(()),
        false => Err(Error::new(format_args!(
            "{id}, whose {whom} was killed, is {state}, and not {expected}"
        ))),
    }
}

/// Knuth's generator, of which the upper bits are the better ones.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
