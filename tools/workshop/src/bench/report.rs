//! What was measured, and on what.

use std::ffi::OsString;
use std::fmt::{self, Display};

use serde::Serialize;

use super::machine::Machine;
use super::peer::Peer;
use super::stopwatch::WARM_UP;
use super::summary::Summary;
use super::table;
use crate::ladder::Step;

/// All numbers, with their units in their names.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    /// Of each command, in turn with the others.
    runs: usize,
    warm_up_runs: usize,
    start_to_exit: Vec<Row>,
}

/// A step, and what ran in turn with it.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    step: &'static str,
    own: Timed,
    /// The program that the step starts, without any step.
    bare: Timed,
    ratio_to_bare: f64,
    peer: Option<Timed>,
    ratio_to_peer: Option<f64>,
    /// How large that ratio may be.
    target_ratio: Option<f64>,
    #[serde(skip)]
    peers_command: Option<&'static str>,
}

/// A command and its times.
#[derive(Debug, Serialize)]
pub(super) struct Timed {
    command: Vec<String>,
    #[serde(flatten)]
    summary: Summary,
}

impl Timed {
    /// `times` are in nanoseconds.
    pub(super) fn new(words: &[OsString], times: Vec<u64>) -> Self {
        let command = words.iter().map(|word| word.display().to_string());
        Self { command: command.collect(), summary: Summary::of(times) }
    }

    fn cells(&self) -> [String; 2] {
        let Summary { median_us, p25_us, p75_us } = self.summary;
        [format!("{median_us:.0}"), format!("{p25_us:.0}–{p75_us:.0}")]
    }
}

impl Row {
    pub(super) fn new(
        step: &Step,
        own: Timed,
        bare: Timed,
        peer: Option<(&Peer, Timed)>,
    ) -> Self {
        let ratio = |other: &Timed| own.summary.ratio_to(&other.summary);
        let (peer, timed) = peer.unzip();
        Self {
            step: step.name,
            ratio_to_bare: ratio(&bare),
            ratio_to_peer: timed.as_ref().map(ratio),
            target_ratio: peer.and_then(|peer| peer.at_most),
            peers_command: peer.map(|peer| peer.command),
            own,
            bare,
            peer: timed,
        }
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.step.to_owned()];
        cells.extend(self.own.cells());
        cells.push(format!("{:.2}", self.ratio_to_bare));
        let peer = self.peers_command.and_then(|c| c.split(' ').next());
        cells.push(peer.unwrap_or("none").to_owned());
        cells.extend(self.peer.iter().flat_map(Timed::cells));
        cells.extend(self.ratio_to_peer.map(|ratio| format!("{ratio:.2}")));
        cells
    }

    /// What the peer was, and whether a target was met.
    fn note(&self) -> Option<String> {
        let command = self.peers_command?;
        let target = self.target_ratio.map(|target| {
            let is_met = self.ratio_to_peer.is_some_and(|r| r <= target);
            let verdict = if is_met { "met" } else { "MISSED" };
            format!("\n    at most {target:.2} times as long: {verdict}")
        });
        let target = target.unwrap_or_default();
        Some(format!("  {}: {command}{target}\n", self.step))
    }
}

impl Report {
    pub(super) fn new(runs: usize, rows: Vec<Row>) -> Self {
        Self {
            machine: Machine::here(),
            runs,
            warm_up_runs: WARM_UP,
            start_to_exit: rows,
        }
    }
}

const HEADERS: [&str; 8] =
    ["STEP", "MEDIAN", "SPREAD", "COST", "PEER", "MEDIAN", "SPREAD", "RATIO"];

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![HEADERS.map(String::from).to_vec()];
        rows.extend(self.start_to_exit.iter().map(Row::cells));
        let notes = self.start_to_exit.iter().filter_map(Row::note);
        writeln!(f, "{}", table::render(&rows))?;
        writeln!(f, "MEDIAN  microseconds, start to exit of /bin/true")?;
        let (runs, warm_up) = (self.runs, self.warm_up_runs);
        writeln!(f, "SPREAD  p25–p75 of {runs} runs, after {warm_up} more")?;
        writeln!(f, "COST    times as long as the program alone")?;
        writeln!(f, "RATIO   times as long as the peer")?;
        writeln!(f, "{}\n{}", notes.collect::<String>(), self.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::LADDER;

    fn timed(us: u64) -> Timed {
        let times = [us - 20, us, us + 20].map(|time| time * 1000);
        Timed::new(&["program".into()], times.to_vec())
    }

    fn report(peers: u64) -> Report {
        let peer = Peer::of(&LADDER[1]).unwrap();
        let peer = Peer { at_most: Some(1.3), ..*peer };
        let alone = Row::new(&LADDER[0], timed(600), timed(400), None);
        let both = Some((&peer, timed(peers)));
        let row = Row::new(&LADDER[1], timed(900), timed(400), both);
        Report::new(10, vec![alone, row])
    }

    #[test]
    fn a_step_without_a_peer_has_a_shorter_row() {
        let expected = "\
STEP         MEDIAN   SPREAD    COST   PEER     MEDIAN   SPREAD     RATIO
00-process   600      590–610   1.50   none
01-chroot    900      890–910   2.25   chroot   1000     990–1010   0.90
";
        let text = report(1000).to_string();
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn a_target_is_met_or_missed() {
        assert!(report(700).to_string().contains("1.30 times as long: met"));
        assert!(report(600).to_string().contains("1.30 times as long: MISSED"));
    }

    #[test]
    fn json_has_units_and_says_what_there_is_not() {
        let json = serde_json::to_value(report(600)).unwrap();
        let rows = &json["start_to_exit"];
        assert_eq!(rows[1]["own"]["median_us"], 900.0);
        assert_eq!(rows[1]["ratio_to_peer"], 1.5);
        assert_eq!(rows[1]["target_ratio"], 1.3);
        assert!(rows[0]["peer"].is_null());
        assert!(rows[0]["ratio_to_peer"].is_null());
    }
}
