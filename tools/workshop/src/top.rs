//! `workshop top`: what each container of the kit takes of the machine.

use std::fs;
use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cgroups::{Running, Usage};
use process::{Call, Error, Result};
use serde_json::{Value, json};

use crate::bench::table::render;

/// Show what each container of the kit takes: CPU time, memory, processes,
/// disks, and how often it had to wait.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only once, and not again and again: as it is where nobody looks
    #[arg(long)]
    once: bool,
    /// Seconds from look to look
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0,
          value_parser = parse_interval)]
    interval: f64,
    /// How to print it
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs: a line for each look; bytes, and CPUs
    Json,
}

fn parse_interval(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("from 0.1 to 3600".into()),
    }
}

/// Console_codes(4): to the left upper corner, and clear what is below.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let is_live = stdout().is_terminal() && options.format == Format::Table;
    let mut before = look()?;
    loop {
        sleep(Duration::from_secs_f64(options.interval));
        let now = look()?;
        let rows: Vec<_> = now.iter().map(|look| look.row(&before)).collect();
        let text = match options.format {
            Format::Table => table(&rows),
            Format::Json => {
                let all = rows.iter().map(Row::json).collect::<Value>();
                format!("{all}\n")
            }
        };
        let clear = if is_live && !options.once { CLEAR } else { "" };
        write!(stdout(), "{clear}{text}").call("write(stdout)")?;
        stdout().flush().call("write(stdout)")?;
        if options.once || !(is_live || options.format == Format::Json) {
            return Ok(ExitCode::SUCCESS);
        }
        before = now;
    }
}

/// A container, and what it has taken until now.
struct Look {
    at: Instant,
    name: String,
    state: &'static str,
    command: String,
    usage: Usage,
}

fn look() -> Result<Vec<Look>> {
    cgroups::running()?.iter().map(Look::of).collect()
}

impl Look {
    fn of(running: &Running) -> Result<Self> {
        let is_frozen = running.is_frozen().unwrap_or_default();
        let first = running.processes().unwrap_or_default().first().copied();
        let command = first.map(|pid| format!("/proc/{pid}/comm"));
        let command = command.and_then(|path| fs::read_to_string(path).ok());
        Ok(Self {
            at: Instant::now(),
            name: running.name.clone(),
            state: if is_frozen { "paused" } else { "running" },
            command: command.unwrap_or_default().trim().into(),
            usage: running.usage(),
        })
    }

    /// What it has taken in a second since that look.
    fn row(&self, before: &[Self]) -> Row<'_> {
        let before = before.iter().find(|other| other.name == self.name);
        let since = before.unwrap_or(self);
        let seconds = self.at.duration_since(since.at).as_secs_f64();
        let rate = |now: Option<u64>, then: Option<u64>| {
            let more = now?.saturating_sub(then?) as f64;
            (seconds > 0.0).then(|| more / seconds)
        };
        let (now, then) = (self.usage, since.usage);
        let waited = |usage: Usage| usage.throttled.map(|(_, time)| time);
        let read = |usage: Usage| usage.read_and_written.map(|io| io.0);
        let written = |usage: Usage| usage.read_and_written.map(|io| io.1);
        Row {
            look: self,
            cpus: rate(now.cpu, then.cpu).map(|rate| rate / 1e6),
            waited: rate(waited(now), waited(then)).map(|rate| rate / 1e6),
            read: rate(read(now), read(then)),
            written: rate(written(now), written(then)),
        }
    }
}

/// A container, and what it takes in a second.
struct Row<'a> {
    look: &'a Look,
    /// CPUs' worth of time.
    cpus: Option<f64>,
    /// Seconds in which it had to wait for its quota.
    waited: Option<f64>,
    /// Bytes.
    read: Option<f64>,
    written: Option<f64>,
}

const HEAD: [&str; 10] = [
    "NAME",
    "COMMAND",
    "STATE",
    "CPU %",
    "WAITED %",
    "MEMORY",
    "PIDS",
    "READ/s",
    "WRITE/s",
    "PRESSURE %",
];

fn table(rows: &[Row]) -> String {
    let head = HEAD.map(String::from).to_vec();
    let lines = rows.iter().map(Row::cells);
    let all: Vec<_> = [head].into_iter().chain(lines).collect();
    let note = if rows.is_empty() { "no container runs\n" } else { "" };
    render(&all) + note
}

impl Row<'_> {
    fn cells(&self) -> Vec<String> {
        let Look { name, state, command, usage, .. } = self.look;
        let percent = |share: Option<f64>| {
            share.map_or("-".into(), |share| format!("{:.1}", share * 100.0))
        };
        let per_second = |rate: Option<f64>| {
            rate.map_or("-".into(), |rate| bytes(rate as u64))
        };
        let of = |(now, limit): (Option<u64>, Option<u64>),
                  show: fn(u64) -> String| {
            let now = now.map_or("-".into(), show);
            limit.map_or(now.clone(), |limit| {
                format!("{now} of {}", show(limit))
            })
        };
        vec![
            name.clone(),
            command.clone(),
            (*state).into(),
            percent(self.cpus),
            percent(self.waited),
            of(usage.memory, bytes),
            of(usage.pids, |count| count.to_string()),
            per_second(self.read),
            per_second(self.written),
            usage.pressure.map_or("-".into(), |[cpu, memory, io]| {
                format!("{cpu:.0} {memory:.0} {io:.0}")
            }),
        ]
    }

    fn json(&self) -> Value {
        let Look { name, state, command, usage, .. } = self.look;
        let [cpu, memory, io] =
            usage.pressure.map_or([None; 3], |all| all.map(Some));
        json!({
            "name": name,
            "command": command,
            "state": state,
            "cpus": self.cpus,
            "throttled": {
                "periods": usage.throttled.map(|(periods, _)| periods),
                "microseconds": usage.throttled.map(|(_, time)| time),
            },
            "memory": { "bytes": usage.memory.0, "limit": usage.memory.1 },
            "pids": { "count": usage.pids.0, "limit": usage.pids.1 },
            "read_per_second": self.read,
            "written_per_second": self.written,
            "pressure": { "cpu": cpu, "memory": memory, "io": io },
        })
    }
}

/// As docker(1) writes them: 1536 is 1.5K.
fn bytes(number: u64) -> String {
    let mut number = number as f64;
    for unit in ["B", "K", "M", "G"] {
        if number < 1024.0 {
            let digits = usize::from(unit != "B" && number < 10.0);
            return format!("{number:.digits$}{unit}");
        }
        number /= 1024.0;
    }
    format!("{number:.1}T")
}

/// Which container to pause, or to let go on.
#[derive(Debug, clap::Args)]
pub struct Named {
    /// Its name, as `top` shows it, or how that begins
    name: String,
}

/// `workshop pause`: stop all processes of a container.
pub fn pause(options: &Named) -> Result<ExitCode> {
    Running::find(&options.name)?.freeze()?;
    Ok(ExitCode::SUCCESS)
}

/// `workshop unpause`: let them go on.
pub fn unpause(options: &Named) -> Result<ExitCode> {
    let running = Running::find(&options.name)?;
    if !running.is_frozen()? {
        return Err(Error::new(format_args!("{} runs", running.name))
            .with_hint("it is not paused"));
    }
    running.thaw()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_two_digits_or_more() {
        let numbers = [0, 1023, 1536, 33_554_432, 64 << 30];
        let texts = numbers.map(bytes);
        assert_eq!(texts, ["0B", "1023B", "1.5K", "32M", "64G"]);
    }

    #[test]
    fn a_rate_takes_two_looks() {
        let at = Instant::now();
        let look = |cpu, seconds| Look {
            at: at + Duration::from_secs(seconds),
            name: "workshop-0".into(),
            state: "running",
            command: "sh".into(),
            usage: Usage { cpu: Some(cpu), ..Usage::default() },
        };
        let (then, now) = ([look(1_000_000, 0)], look(2_000_000, 4));
        assert_eq!(now.row(&then).cpus, Some(0.25));
        assert_eq!(now.row(&[]).cpus, None);
        assert_eq!(now.row(&then).cells()[3..5], ["25.0", "-"]);
    }
}
