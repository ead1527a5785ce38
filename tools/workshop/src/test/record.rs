//! The table of what passed where, for the book. A run replaces its own
//! column, and leaves the others.

use std::fs;
use std::path::PathBuf;

use process::{Call, Error, Result};

use super::lane::Run;
use super::programs::Program;
use super::report::Report;
use crate::repository;

/// What stands above a snapshot, by which the book knows it.
const HEAD: &str = "---\nsource: workshop test --record\n---\n";

/// What stands in a cell that no run has filled.
const EMPTY: &str = "";

fn path() -> PathBuf {
    repository::top().join("tests/snapshots/kernels.snap")
}

/// Writes down the run, unless a program did not end: then there is nothing
/// to count.
pub(super) fn add(run: &Run, programs: &[Program]) -> Result<()> {
    if !run.report.is_whole(programs.len()) {
        return Err(Error::new(format_args!(
            "{}: nothing is recorded of a run that did not end",
            run.lane.name()
        )));
    }
    let path = path();
    // There is none the first time.
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut table = Table::parse(&text);
    let column = table.column(&heading(&run.report));
    for (row, counts) in counts(&run.report, programs) {
        table.set(&row, column, &counts.to_string());
    }
    table.sort();
    fs::write(&path, format!("{HEAD}{table}"))
        .call(format_args!("open({path:?})"))
}

/// `6.1, v2, systemd`: the kernel, the cgroups, and who is process 1.
fn heading(report: &Report) -> String {
    let fact = |name: &str| report.facts.get(name).map_or("", String::as_str);
    let mut numbers = fact("kernel").split(['.', '-', '+']);
    let number = |part: Option<&str>| part.unwrap_or_default().to_owned();
    let (major, minor) = (number(numbers.next()), number(numbers.next()));
    let mut heading = format!("{major}.{minor}, {}", fact("cgroups"));
    if fact("init") == "systemd" {
        heading += ", systemd";
    }
    heading
}

/// How many tests of a row came to which end.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} / {} / {}", self.passed, self.failed, self.skipped)
    }
}

/// In the order of the rows' names.
fn counts(
    report: &Report,
    programs: &[Program],
) -> impl Iterator<Item = (String, Counts)> {
    let mut rows = std::collections::BTreeMap::<String, Counts>::new();
    for outcome in &report.programs {
        let program = programs.iter().find(|p| p.name == outcome.name);
        let counts = rows.entry(program.map_or("", row).into()).or_default();
        counts.passed += outcome.passed();
        counts.failed += outcome.failed.len();
        counts.skipped += outcome.skipped.len();
    }
    rows.into_iter()
}

/// The step whose tests these are, or what else they are about.
fn row(program: &Program) -> &str {
    match program.step() {
        Some(step) => step,
        None if program.name == "matrix" => "the two tables",
        None => "the tools",
    }
}

/// A table in Markdown: names of columns, and rows of cells. The first cell of
/// a row is its name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.strip_prefix("| "));
        let mut rows = lines.map(|line| {
            let cells = line.trim_end_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
        });
        let heads = rows.next().unwrap_or_else(|| vec!["step".to_owned()]);
        // Below the heads stands a line of dashes.
        Self { heads, rows: rows.skip(1).collect() }
    }

    /// The index of a column, which is made if it is not there.
    fn column(&mut self, name: &str) -> usize {
        match self.heads.iter().position(|head| head == name) {
            Some(index) => index,
            None => {
                self.heads.push(name.to_owned());
                self.heads.len() - 1
            }
        }
    }

    fn set(&mut self, name: &str, column: usize, cell: &str) {
        let index = match self.rows.iter().position(|row| row[0] == name) {
            Some(index) => index,
            None => {
                self.rows.push(vec![name.to_owned()]);
                self.rows.len() - 1
            }
        };
        let row = &mut self.rows[index];
        row.resize(self.heads.len().max(row.len()), EMPTY.to_owned());
        row[column] = cell.to_owned();
    }

    /// The steps in order, the rest below them; the machines that have both
    /// versions of cgroups first, then the kernels by their age.
    fn sort(&mut self) {
        self.rows.sort();
        for row in &mut self.rows {
            row.resize(self.heads.len(), EMPTY.to_owned());
        }
        let mut order: Vec<usize> = (1..self.heads.len()).collect();
        order.sort_by_key(|&index| age(&self.heads[index]));
        order.insert(0, 0);
        let sorted = |row: &Vec<String>| {
            order.iter().map(|&index| row[index].clone()).collect()
        };
        self.rows = self.rows.iter().map(sorted).collect();
        self.heads = sorted(&self.heads);
    }
}

fn age(head: &str) -> (bool, Vec<u32>, String) {
    let (version, rest) = head.split_once(", ").unwrap_or((head, ""));
    let numbers = version.split('.').filter_map(|part| part.parse().ok());
    (rest.starts_with("v2"), numbers.collect(), rest.to_owned())
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "| {} |", self.heads.join(" | "))?;
        writeln!(f, "| {} |", vec!["---"; self.heads.len()].join(" | "))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_replaces_its_own_column() {
        let mut table = Table::parse("");
        for (head, row, cell) in [
            ("6.12, v2", "00-process", "1"),
            ("6.1, v2", "00-process", "2"),
            ("6.18, hybrid", "01-chroot", "3"),
            ("6.1, v2", "00-process", "4"),
        ] {
            let column = table.column(head);
            table.set(row, column, cell);
            table.sort();
            table = Table::parse(&format!("{HEAD}{table}"));
        }
        assert_eq!(
            table.to_string(),
            "| step | 6.18, hybrid | 6.1, v2 | 6.12, v2 |\n\
             | --- | --- | --- | --- |\n\
             | 00-process |  | 4 | 1 |\n\
             | 01-chroot | 3 |  |  |\n"
        );
    }

    #[test]
    fn a_row_is_a_step_or_what_else_was_tested() {
        let row_of = |name: &str, directory: &str| {
            let program = Program {
                name: name.into(),
                path: "/t".into(),
                directory: directory.into(),
                without: Vec::new(),
            };
            row(&program).to_owned()
        };
        assert_eq!(row_of("jail (lib)", "/k/steps/02-jail"), "02-jail");
        assert_eq!(row_of("matrix", "/k/tools/workshop"), "the two tables");
        assert_eq!(row_of("host", "/k/tools/workshop"), "the tools");
    }

    #[test]
    fn the_heading_tells_kernel_cgroups_and_systemd() {
        let mut report = Report::default();
        for line in ["@kernel 6.1.0-50", "@cgroups v2", "@init systemd"] {
            report.add(line);
        }
        assert_eq!(heading(&report), "6.1, v2, systemd");
    }
}
