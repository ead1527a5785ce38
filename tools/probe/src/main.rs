//! `probe`: what does this process see?

mod table;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use probe::{Report, compare};
use process::{Call, Error, Result};

/// Tell what a process sees, shares and may do.
///
/// Without options: what probe itself sees, run where you want to know.
#[derive(Debug, clap::Parser)]
#[command(name = "probe", version)]
struct Options {
    /// Look at this process from outside
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
    /// Compare with a report in JSON, taken elsewhere; `-` is standard input
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Stay, once the report is printed, until standard input ends
    #[arg(long)]
    hold: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

fn main() -> ExitCode {
    process::main(run)
}

fn run(options: &Options) -> Result<ExitCode> {
    // Before anything is opened: the report tells what is open.
    let report = match options.pid {
        None => Report::of_self()?,
        Some(pid) => Report::of_pid(pid)?,
    };
    print(&describe(options, &report)?)?;
    if options.hold {
        io::copy(&mut io::stdin(), &mut io::sink()).call("read(stdin)")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(options: &Options, report: &Report) -> Result<String> {
    let reference = options.against.as_deref().map(read_report).transpose()?;
    match (options.format, reference) {
        (Format::Json, None) => json(report),
        (Format::Json, Some(other)) => json(&compare(report, &other)),
        (Format::Table, None) => Ok(table::of_report(report)),
        (Format::Table, Some(other)) => {
            Ok(table::of_comparison(&compare(report, &other)))
        }
    }
}

fn read_report(path: &Path) -> Result<Report> {
    let mut text = String::new();
    let read = match path.to_str() {
        Some("-") => io::stdin().read_to_string(&mut text),
        _ => File::open(path).and_then(|mut f| f.read_to_string(&mut text)),
    };
    read.call(format_args!("read({path:?})"))?;
    serde_json::from_str(&text).map_err(|error| {
        Error::new(format_args!("{path:?} is no report: {error}"))
            .with_hint("`probe --format json` writes one")
    })
}

fn json(report: &impl serde::Serialize) -> Result<String> {
    match serde_json::to_string_pretty(report) {
        Ok(text) => Ok(text + "\n"),
        Err(error) => Err(Error::new(error)),
    }
}

/// All at once and flushed, so that whoever reads a held report has all of it.
fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    written.and_then(|()| stdout.flush()).call("write(stdout)")
}
