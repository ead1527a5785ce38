//! `workshop test --kernel NAME --plant WHAT`: something goes wrong in a guest
//! whose tests all pass, and it must not count as a pass.

use std::process::ExitCode;
use std::time::Duration;

use process::Result;

use super::guests;
use super::lane::{Lane, RUN};
use super::programs::Program;

/// What goes wrong.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Plant {
    /// The kernel panics
    Panic,
    /// The tests stand still
    Hang,
    /// The line with a result is lost
    Line,
}

/// Long enough for each test that is run for this.
const SILENCE: Duration = Duration::from_secs(45);

/// Passes the results on, and does something when a test has passed.
fn at_the_first(act: &str) -> String {
    format!(
        "while read -r line; do
            echo \"$line\"
            case $line in *' ok') {act} ;; esac
        done"
    )
}

impl Plant {
    /// What is done in the guest.
    fn script(self) -> String {
        let results = match self {
            Self::Panic => at_the_first("echo c >/proc/sysrq-trigger"),
            Self::Hang => at_the_first("sleep infinity"),
            Self::Line => "sed '0,/ ok$/{/ ok$/d}'".into(),
        };
        format!("{} | {results}\n", RUN.trim_end())
    }

    /// What must be said of it.
    fn sign(self) -> &'static str {
        match self {
            Self::Panic => "the kernel says: ",
            Self::Hang => "nothing for 45 s",
            Self::Line => " results",
        }
    }

    /// Runs the programs in each of the guests.
    pub(super) fn run(
        self,
        lanes: impl Iterator<Item = Lane>,
        programs: &[Program],
    ) -> Result<ExitCode> {
        let mut all = true;
        for lane in lanes {
            let run = lane.run_by(&self.script(), SILENCE, programs)?;
            guests::summarise(&run);
            let mut problems = run.problems.iter();
            let is_seen = problems.any(|one| one.contains(self.sign()));
            println!("{}", if is_seen { "it was seen" } else { "UNSEEN" });
            all &= is_seen;
        }
        Ok(ExitCode::from(u8::from(!all)))
    }
}
