//! Reads what [`super::inside`] prints. Whatever is missing in it, be it the
//! result of a single test, is a failure.

use std::collections::BTreeMap;

/// What came of all the programs.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// About the place where they ran: `kernel`, `init`, `cgroups`, `lsm`.
    pub(super) facts: BTreeMap<String, String>,
    /// Those that began, in order.
    pub(super) programs: Vec<Outcome>,
    /// How many there were, as is said after the last one.
    done: Option<usize>,
}

/// What came of one program.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The program's name.
    pub(super) name: String,
    /// How many tests it found: `running 3 tests`.
    announced: Option<usize>,
    /// The names of those that passed, or could not run.
    ok: Vec<String>,
    /// The names of those that failed.
    pub(super) failed: Vec<String>,
    ignored: usize,
    /// Those that could not run, and why.
    pub(super) skipped: Vec<String>,
    /// Whether the harness summed up.
    summed_up: bool,
    /// The exit status, in words.
    status: Option<String>,
}

impl Report {
    /// Reads a line.
    pub(super) fn add(&mut self, line: &str) {
        match line.strip_prefix('@').map(|line| line.split_once(' ')) {
            Some(Some(("begin", name))) => self
                .programs
                .push(Outcome { name: name.to_owned(), ..Outcome::default() }),
            Some(Some(("done", number))) => self.done = number.parse().ok(),
            Some(Some((key @ ("skip" | "end"), value))) => {
                if let Some(program) = self.programs.last_mut() {
                    program.add_about(key, value);
                }
            }
            Some(Some((key, value))) => {
                self.facts.insert(key.to_owned(), value.to_owned());
            }
            _ => {
                if let Some(program) = self.programs.last_mut() {
                    program.add(line);
                }
            }
        }
    }

    /// Whether all came to an end, be it a good one.
    pub(super) fn is_whole(&self, expected: usize) -> bool {
        let ended = |program: &Outcome| program.status.is_some();
        self.done == Some(expected)
            && self.programs.len() == expected
            && self.programs.iter().all(ended)
    }

    /// What makes this no pass, a line for each; `expected` programs were to
    /// run.
    pub(super) fn problems(&self, expected: usize) -> Vec<String> {
        let mut problems: Vec<String> =
            self.programs.iter().filter_map(Outcome::problem).collect();
        if !self.is_whole(expected) {
            problems.push(format!(
                "{} of {expected} programs ran, and the last line {}",
                self.programs.len(),
                if self.done.is_some() { "came" } else { "did not come" }
            ));
        }
        problems
    }
}

impl Outcome {
    fn add_about(&mut self, key: &str, value: &str) {
        match key {
            "skip" => self.skipped.push(value.to_owned()),
            _ => self.status = Some(value.to_owned()),
        }
    }

    /// Reads a line of the test harness.
    fn add(&mut self, line: &str) {
        if let Some(number) = announcement(line) {
            self.announced = Some(self.announced.unwrap_or(0) + number);
        }
        self.summed_up |= line.starts_with("test result: ");
        let result = line.strip_prefix("test ");
        match result.and_then(|result| result.rsplit_once(" ... ")) {
            Some((name, "ok")) => self.ok.push(name.to_owned()),
            Some((name, "FAILED")) => self.failed.push(name.to_owned()),
            Some((_, end)) if end.starts_with("ignored") => self.ignored += 1,
            _ => {}
        }
    }

    /// How many passed.
    pub(super) fn passed(&self) -> usize {
        // The harness knows no skipped tests, and counted them among these.
        self.ok.len().saturating_sub(self.skipped.len())
    }

    /// The names of those that passed.
    pub(super) fn ran(&self) -> impl Iterator<Item = &str> {
        let names: Vec<&str> =
            self.skipped.iter().map(|line| test_of(line)).collect();
        let all = self.ok.iter().map(String::as_str);
        all.filter(move |name| !names.contains(name))
    }

    /// Whether there is anything to tell of it.
    pub(super) fn has_tests(&self) -> bool {
        self.announced != Some(0)
    }

    /// What makes this no pass.
    fn problem(&self) -> Option<String> {
        let name = &self.name;
        let told = self.ok.len() + self.failed.len() + self.ignored;
        match (&self.status, self.announced) {
            (None, _) => Some(format!("{name} did not end")),
            (Some(status), None) => {
                Some(format!("{name} found no tests: {status}"))
            }
            (Some(status), _) if !self.summed_up => {
                Some(format!("{name} did not sum up: {status}"))
            }
            (_, Some(announced)) if announced != told => {
                Some(format!("{name}: {announced} tests, {told} results"))
            }
            (Some(status), _) if status != "exit status: 0" => {
                Some(format!("{name}: {status}: {}", self.failed.join(", ")))
            }
            _ => None,
        }
    }
}

/// The name of the test, of which the line says why it was skipped.
pub(super) fn test_of(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(name, _)| name)
}

/// The number in `running 3 tests`.
fn announcement(line: &str) -> Option<usize> {
    let rest = line.strip_prefix("running ")?;
    let (number, tests) = rest.split_once(' ')?;
    tests.starts_with("test").then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
@kernel 6.1.0
@begin 02_jail
running 3 tests
test one ... ok
test two ... ok
test three ... ok
test result: ok. 3 passed; 0 failed; 0 ignored
@skip two: no such thing; buy one
@end exit status: 0
@done 1";

    fn read(text: &str) -> Report {
        let mut report = Report::default();
        text.lines().for_each(|line| report.add(line));
        report
    }

    #[test]
    fn a_whole_report_has_no_problem() {
        let report = read(GOOD);
        assert_eq!(report.problems(1), Vec::<String>::new());
        assert_eq!(report.facts["kernel"], "6.1.0");
        let program = &report.programs[0];
        assert_eq!((program.passed(), program.skipped.len()), (2, 1));
        assert_eq!(program.ran().collect::<Vec<_>>(), ["one", "three"]);
    }

    #[test]
    fn no_line_may_be_missing() {
        let lines: Vec<&str> = GOOD.lines().collect();
        for missing in 1..lines.len() {
            let mut rest = lines.clone();
            if !rest.remove(missing).starts_with("@skip") {
                let problems = read(&rest.join("\n")).problems(1);
                assert!(!problems.is_empty(), "{}", lines[missing]);
            }
        }
        for end in 1..lines.len() {
            assert!(!read(&lines[..end].join("\n")).problems(1).is_empty());
        }
    }

    #[test]
    fn a_failed_test_is_named() {
        let failed = GOOD
            .replace("two ... ok", "two ... FAILED")
            .replace("status: 0", "status: 101");
        let problems = read(&failed).problems(1);
        assert_eq!(problems, ["02_jail: exit status: 101: two"]);
    }

    #[test]
    fn a_program_that_died_is_no_pass() {
        let died = GOOD.replace("exit status: 0", "signal: 9 (SIGKILL)");
        assert_eq!(read(&died).problems(1).len(), 1);
    }
}
