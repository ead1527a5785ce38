//! What there is to see of containers: `ps`, `inspect`, `top`, `stats`.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use process::{Call, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::group;
use crate::life::{Sight, now};
use crate::record::Record;
use crate::state::State;
use crate::store::{Entry, Store};
use crate::table::{Format, print, print_json, print_text};
use crate::time::{ago, full};

/// Which containers, and how.
#[derive(Debug, clap::Args)]
pub struct PsOptions {
    /// Those that have ended, too
    #[arg(short, long)]
    all: bool,
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// A line of `ps`.
#[derive(Serialize)]
struct Line {
    id: String,
    command: String,
    created: String,
    state: State,
    status: String,
    ports: String,
    name: String,
    #[serde(skip)]
    at: u64,
}

/// Lists the containers, the youngest first.
pub fn ps(store: &Store, options: &PsOptions) -> Result<()> {
    let mut lines = Vec::new();
    store.each(|entry, seen| {
        let state = entry.state_as(&seen);
        if options.all || matches!(state, State::Running | State::Paused) {
            lines.push(line_of(entry, state, &seen)?);
        }
        Ok(())
    })?;
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    if options.quiet {
        let ids = lines.iter().map(|line| format!("{}\n", line.id));
        return print_text(&ids.collect::<String>());
    }
    if options.format == Format::Json {
        return print_json(&lines);
    }
    let head =
        ["CONTAINER ID", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];
    let rows = lines.into_iter().map(|line| {
        let command = format!("\"{}\"", shorten(&line.command));
        let created = format!("{} ago", line.created);
        vec![line.id, command, created, line.status, line.ports, line.name]
    });
    print(&head, &rows.collect::<Vec<_>>())
}

fn line_of(entry: Entry, state: State, seen: &Sight) -> Result<Line> {
    let status = status_of(&entry, state, seen)?;
    let record = entry.record;
    Ok(Line {
        command: record.command.join(" "),
        created: ago(now().saturating_sub(record.created)),
        state,
        status,
        ports: record.ports.join(", "),
        at: record.created,
        id: record.id,
        name: record.name,
    })
}

fn status_of(entry: &Entry, state: State, seen: &Sight) -> Result<String> {
    let since =
        |at: Option<u64>| ago(now().saturating_sub(at.unwrap_or_default()));
    Ok(match state {
        State::Created => "Created".into(),
        State::Running => format!("Up {}", since(seen.started())),
        State::Paused => format!("Up {} (Paused)", since(seen.started())),
        State::Exited => {
            let code = seen.code().unwrap_or_default();
            format!("Exited ({code}) {} ago", since(seen.ended()))
        }
        State::Lost => format!("Lost ({})", entry.why_lost()?),
    })
}

/// A command is as long as it likes.
fn shorten(text: &str) -> String {
    const WIDTH: usize = 20;
    let text = text.replace(char::is_control, " ");
    match text.chars().count() > WIDTH {
        true => text.chars().take(WIDTH - 1).chain(['…']).collect(),
        false => text,
    }
}

/// All that is known of them.
pub fn inspect(store: &Store, words: &[String]) -> Result<()> {
    let one = |word: &String| describe(&store.find(word)?);
    print_json(&words.iter().map(one).collect::<Result<Vec<_>>>()?)
}

fn describe(entry: &Entry) -> Result<Value> {
    let seen = entry.witness.look()?;
    let state = entry.state_as(&seen);
    let mut value = json!(entry.record);
    value["created"] = full(entry.record.created).into();
    value["state"] = json!({
        "status": state,
        "owner": seen.owner,
        "exit_code": seen.code(),
        "started": seen.started().map(full),
        "ended": seen.ended().map(full),
        "lost": (state == State::Lost).then(|| entry.why_lost()).transpose()?,
    });
    value["directory"] = entry.path.display().to_string().into();
    Ok(value)
}

/// Lists the processes of a container, by their numbers out here.
pub fn top(entry: &Entry, format: Format) -> Result<()> {
    entry.command()?;
    let namespace = pid_namespace(&entry.record.pid.to_string());
    let mut rows = Vec::new();
    for process in fs::read_dir("/proc").call("open(\"/proc\")")? {
        let name = process.call("getdents(\"/proc\")")?.file_name();
        let Some(pid) = name.to_str() else { continue };
        if namespace.is_some() && pid_namespace(pid) == namespace {
            rows.extend(row_of(pid));
        }
    }
    rows.sort_by_key(|row| row[1].parse::<i32>().unwrap_or_default());
    let head = ["UID", "PID", "PPID", "STATE", "CMD"];
    match format {
        Format::Table => print(&head, &rows),
        Format::Json => {
            let names = head.map(str::to_lowercase);
            let object = |row: Vec<String>| -> serde_json::Map<_, _> {
                let row = row.into_iter().map(Value::from);
                names.iter().cloned().zip(row).collect()
            };
            print_json(&rows.into_iter().map(object).collect::<Vec<_>>())
        }
    }
}

fn pid_namespace(pid: &str) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}

/// Nothing, if the process has ended since.
fn row_of(pid: &str) -> Option<Vec<String>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        let mut lines = status.lines();
        let text = lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        let first = text.unwrap_or_default().split_whitespace().next();
        first.unwrap_or_default().to_owned()
    };
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&words).replace('\0', " ");
    let text = match text.trim_end() {
        "" => format!("[{}]", field("Name")),
        text => text.replace(char::is_control, " "),
    };
    let (uid, parent, state) = (field("Uid"), field("PPid"), field("State"));
    Some(vec![uid, pid.into(), parent, state, text])
}

/// What a container uses of the machine.
#[derive(Serialize)]
struct Usage {
    id: String,
    name: String,
    /// In hundredths of a CPU.
    cpu_percent: Option<f64>,
    memory_bytes: Option<u64>,
    memory_limit_bytes: Option<u64>,
    pids: Option<u64>,
}

/// Between two looks at how much time was used.
const INTERVAL: Duration = Duration::from_millis(500);

/// What they use: those that are named, or all that run.
pub fn stats(store: &Store, words: &[String], format: Format) -> Result<()> {
    let records = match words {
        [] => running(store)?,
        words => {
            let find = |word: &String| {
                let entry = store.find(word)?;
                entry.command().map(|_| entry.record)
            };
            words.iter().map(find).collect::<Result<_>>()?
        }
    };
    let start = Instant::now();
    let before: Vec<_> = records.iter().map(cpu_micros).collect();
    if !records.is_empty() {
        sleep(INTERVAL);
    }
    let elapsed = start.elapsed().as_micros() as f64;
    let usages = records.iter().zip(before).map(|(record, before)| {
        let used = cpu_micros(record).zip(before);
        let percent = |(after, before): (u64, u64)| {
            100.0 * after.saturating_sub(before) as f64 / elapsed
        };
        usage_of(record, used.map(percent))
    });
    let usages: Vec<_> = usages.collect();
    match format {
        Format::Json => print_json(&usages),
        Format::Table => print_usages(&usages),
    }
}

fn running(store: &Store) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    store.each(|entry, _| {
        if entry.command().is_ok() {
            records.push(entry.record);
        }
        Ok(())
    })?;
    Ok(records)
}

fn cpu_micros(record: &Record) -> Option<u64> {
    let groups = &record.groups;
    group::number(groups, &[("cpu", "cpu.stat", "usage_usec ")]).or_else(|| {
        let nanos = group::number(groups, &[("cpuacct", "cpuacct.usage", "")]);
        nanos.map(|nanos| nanos / 1000)
    })
}

fn usage_of(record: &Record, cpu_percent: Option<f64>) -> Usage {
    let number = |files| group::number(&record.groups, files);
    // More than any machine has is no limit.
    let limit = number(&[
        ("memory", "memory.max", ""),
        ("memory", "memory.limit_in_bytes", ""),
    ]);
    Usage {
        id: record.id.clone(),
        name: record.name.clone(),
        cpu_percent,
        memory_bytes: number(&[
            ("memory", "memory.current", ""),
            ("memory", "memory.usage_in_bytes", ""),
        ]),
        memory_limit_bytes: limit.filter(|limit| *limit < 1 << 60),
        pids: number(&[("pids", "pids.current", "")]),
    }
}

fn print_usages(usages: &[Usage]) -> Result<()> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let mib = |bytes: u64| format!("{:.1}MiB", bytes as f64 / 1_048_576.0);
    let rows = usages.iter().map(|usage| {
        vec![
            usage.id.clone(),
            usage.name.clone(),
            or_dash(usage.cpu_percent.map(|n| format!("{n:.2}%"))),
            or_dash(usage.memory_bytes.map(mib)),
            or_dash(usage.memory_limit_bytes.map(mib)),
            or_dash(usage.pids.map(|n| n.to_string())),
        ]
    });
    let head = ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE", "LIMIT", "PIDS"];
    print(&head, &rows.collect::<Vec<_>>())
}
