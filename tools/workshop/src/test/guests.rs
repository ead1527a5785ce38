//! `workshop test --kernel`: the same tests on other kernels.

use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::{available_parallelism, scope};

use process::{Error, Result};

use super::lane::{Lane, Run};
use super::programs::Program;
use super::{Options, programs, record, too_old, union};
use crate::ladder::Step;
use crate::vm::kernels::{KERNELS, Kernel};
use crate::vm::{pair, script};
use crate::{packages, setup};

/// Behind the version of a kernel, in which systemd is to be process 1.
const SYSTEMD: &str = "-systemd";

/// Runs the tests in each of the guests.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let wishes = wishes(options)?;
    packages::ensure_for_guests()?;
    setup::ensure()?;
    let mut programs = programs::build(&options.selection()?)?;
    if options.quick {
        programs = programs::quick(programs);
    }
    if let Some(plant) = options.plant {
        return plant.run(wishes.iter().map(|wish| wish.lane), &programs);
    }
    let passes = |wish: Wish| {
        let programs = wish.among(&programs);
        passes(wish.lane, &programs, options.record)
    };
    Ok(ExitCode::from(u8::from(!all_pass(wishes, passes))))
}

/// Whether it holds of all of them. Each is asked, whatever the others say.
fn all_pass<T: Send>(
    wishes: Vec<T>,
    passes: impl Fn(T) -> bool + Sync,
) -> bool {
    let queue = Mutex::new(wishes.into_iter());
    let next = || queue.lock().ok()?.next();
    let work = || {
        let mut all = true;
        while let Some(wish) = next() {
            all &= passes(wish);
        }
        all
    };
    scope(|scope| {
        let workers: Vec<_> =
            (0..at_a_time()).map(|_| scope.spawn(work)).collect();
        let ends = workers.into_iter().map(|w| w.join().unwrap_or(false));
        ends.fold(true, |all, one| all & one)
    })
}

/// How many guests run at once. An emulated one keeps a processor busy for two
/// thirds of the time, and waits for the rest.
fn at_a_time() -> usize {
    available_parallelism().map_or(1, |processors| processors.get() * 3 / 2)
}

/// A guest that is asked for.
struct Wish {
    lane: Lane,
    /// The steps whose tests it is to run; if none is named, all tests.
    steps: Vec<&'static str>,
}

impl Wish {
    fn among(&self, programs: &[Program]) -> Vec<Program> {
        let is_meant = |program: &&Program| {
            let step = program.step().unwrap_or_default();
            self.steps.is_empty() || self.steps.contains(&step)
        };
        programs.iter().filter(is_meant).cloned().collect()
    }
}

/// Reads `6.1`, `6.1-systemd`, `6.1/10+16`.
fn wishes(options: &Options) -> Result<Vec<Wish>> {
    let mut wishes = Vec::new();
    for word in &options.kernel {
        let (name, steps) = word.split_once('/').unwrap_or((word, ""));
        let steps = steps.split('+').filter(|name| !name.is_empty());
        let steps = steps.map(|name| Ok(Step::named(name)?.name));
        let steps = steps.collect::<Result<Vec<_>>>()?;
        let version = name.strip_suffix(SYSTEMD);
        let systemd = options.systemd || version.is_some();
        for kernel in Kernel::named(version.unwrap_or(name))? {
            let lane = Lane::Guest { kernel, systemd };
            wishes.push(Wish { lane, steps: steps.clone() });
        }
    }
    Ok(wishes)
}

/// Runs the tests in one place, and says what came of it. A kernel that can't
/// be had is no failure, unless it is a must; what happens with one that can
/// always counts.
fn passes(lane: Lane, programs: &[Program], recorded: bool) -> bool {
    if let Err(error) = lane.prepare() {
        println!("\n----- {}\nNOT RUN: {error}", lane.name());
        return !lane.is_must();
    }
    attempt(lane, programs, recorded).unwrap_or_else(|error| {
        println!("\n----- {}\nFAILED {error}", lane.name());
        false
    })
}

fn attempt(lane: Lane, programs: &[Program], recorded: bool) -> Result<bool> {
    if let Lane::Guest { kernel, .. } = lane
        && kernel.is_too_old
    {
        return too_old(kernel);
    }
    let run = lane.run(programs)?;
    summarise(&run);
    union::note(&run.lane.name(), &run.report)?;
    if recorded {
        record::add(&run, programs)?;
    }
    Ok(run.problems.is_empty())
}

fn too_old(kernel: &Kernel) -> Result<bool> {
    let problems = too_old::run(kernel)?;
    println!("\n----- {}", kernel.version);
    for problem in &problems {
        println!("FAILED {problem}");
    }
    println!("{} answers are unclear", problems.len());
    Ok(problems.is_empty())
}

pub(super) fn summarise(run: &Run) {
    let programs = &run.report.programs;
    let mut text = format!("\n----- {}\n", run.lane.name());
    for (fact, value) in &run.report.facts {
        text += &format!("{fact}: {value}\n");
    }
    for line in programs.iter().flat_map(|program| &program.skipped) {
        text += &format!("SKIP {line}\n");
    }
    for problem in &run.problems {
        text += &format!("FAILED {problem}\n");
    }
    if !run.problems.is_empty() {
        text += &format!("all that was said is in {:?}\n", run.directory);
    }
    let passed: usize = programs.iter().map(|p| p.passed()).sum();
    let failed: usize = programs.iter().map(|p| p.failed.len()).sum();
    let skipped: usize = programs.iter().map(|p| p.skipped.len()).sum();
    println!("{text}{passed} passed, {failed} failed, {skipped} skipped");
}

/// The numbers of the machine itself, beside those of the guests.
pub(super) fn record_machine(options: &Options) -> Result<ExitCode> {
    setup::ensure()?;
    let programs = programs::build(&options.selection()?)?;
    let passes = passes(Lane::Machine, &programs, true);
    Ok(ExitCode::from(u8::from(!passes)))
}

/// Two guests ping each other.
pub(super) fn ping() -> Result<ExitCode> {
    packages::ensure_for_guests()?;
    setup::ensure()?;
    let kernel = KERNELS.iter().find(|kernel| kernel.is_must);
    let kernel = kernel.ok_or_else(|| Error::new("there is no kernel"))?;
    pair::run(&kernel.ensure()?, &script("ping"))?;
    println!("the two guests reach each other");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_hides_no_other_lane() {
        let kernels = KERNELS.iter();
        let lanes = |systemd| {
            let guest = |kernel| Lane::Guest { kernel, systemd };
            kernels.clone().map(guest).collect::<Vec<_>>()
        };
        let asked = Mutex::new(0);
        let passes = |lane: Lane| {
            *asked.lock().unwrap() += 1;
            lane.is_must()
        };
        assert!(!all_pass(lanes(false), passes));
        assert_eq!(*asked.lock().unwrap(), KERNELS.len());
        assert!(all_pass(lanes(true), |_| true));
    }

    #[test]
    fn a_name_may_ask_for_systemd() {
        let names = |names: &[&str], systemd| {
            let kernel = names.iter().map(|n| (*n).to_owned()).collect();
            let options = Options { kernel, systemd, ..Options::default() };
            let wishes = wishes(&options).unwrap().into_iter();
            wishes.map(|wish| wish.lane.name()).collect::<Vec<_>>()
        };
        assert_eq!(
            names(&["6.1", "6.12-systemd"], false),
            ["6.1", "6.12-systemd"]
        );
        assert_eq!(names(&["6.1"], true), ["6.1-systemd"]);
        assert_eq!(names(&["all"], false).len(), KERNELS.len());
    }

    #[test]
    fn a_guest_may_run_some_steps_only() {
        let wishes = |word: &str| {
            let kernel = vec![word.to_owned()];
            wishes(&Options { kernel, ..Options::default() })
        };
        assert!(wishes("6.1").unwrap()[0].steps.is_empty());
        let wish = &wishes("6.1-systemd/02+06").unwrap()[0];
        assert_eq!(wish.steps, ["02-jail", "06-mount"]);
        assert!(wishes("6.1/no-such-step").is_err());
    }
}
