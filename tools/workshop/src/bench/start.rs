//! `workshop bench start`: what a whole container costs, beside what others
//! take for the like.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::process::Command;

use cgroups::Version;
use process::{Call, Error, Result};
use serde::Serialize;

use super::held::Held;
use super::machine::Machine;
use super::network::{PODMAN, host, remove_groups};
use super::stopwatch::WARM_UP;
use super::summary::Summary;
use super::{bundle, held, peer, race, table};
use crate::host::Host;
use crate::{packages, repository};

/// crun(1) knows hosts with version 1 of cgroups, or 2, and none with both. So
/// version 2 goes, for all of them.
const ONE_VERSION: &str = "! mountpoint -q /sys/fs/cgroup/unified ||
    umount -n /sys/fs/cgroup/unified";

/// How often memory is looked at. It hardly differs.
const LOOKS: usize = 5;

const OURS: &str = "16-container";
const BRIDGED: &str = "16-container, bridge";

/// Who takes part, and how many times as long as it ours may take.
type Racer = (&'static str, Vec<OsString>, Option<f64>);

/// All numbers, with their units in their names.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    /// Of each command, in turn with the others.
    runs: usize,
    warm_up_runs: usize,
    /// How many processes ran or wanted to, before and after.
    load: [String; 2],
    start_to_exit: Vec<Row>,
    held: Held,
}

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    command: Vec<String>,
    #[serde(flatten)]
    summary: Summary,
    /// The most that one of its processes had at a time.
    peak_memory_kib: u64,
    /// How many times as long ours took.
    ratio: f64,
    /// How large that may be.
    target_ratio: Option<f64>,
}

/// Times them all, in turn.
pub(super) fn measure(programs: &Path, runs: usize) -> Result<Report> {
    let racers = racers(programs)?;
    let host = host()?;
    let status = host.command("sh").args(["-euc", ONE_VERSION]).status();
    status.call("execve(\"sh\")")?;
    let commands: Vec<_> = racers.iter().map(|r| r.1.clone()).collect();
    eprintln!("workshop: measuring {} commands", commands.len());
    let before = load();
    let times = race(&host, &commands, runs);
    let load = [before, load()];
    let peak = programs.join("peak");
    let peaks: Result<Vec<_>> =
        commands.iter().map(|words| peak_of(&host, &peak, words)).collect();
    remove_groups();
    let held = held::measure(
        &host,
        &programs.join(OURS),
        &repository::rootfs().join("busybox"),
        runs,
    )?;
    let summaries: Vec<_> = times?.into_iter().map(Summary::of).collect();
    let measured = summaries.iter().zip(peaks?);
    let rows = racers.into_iter().zip(measured).map(|(racer, (own, peak))| {
        let is_bridged = racer.0.contains("bridge");
        let rival = summaries[usize::from(is_bridged)];
        row(racer, *own, peak, rival)
    });
    let start_to_exit = rows.collect();
    let machine = Machine::here();
    let warm_up_runs = WARM_UP;
    Ok(Report { machine, runs, warm_up_runs, load, start_to_exit, held })
}

fn row(
    (name, words, target_ratio): Racer,
    summary: Summary,
    peak_memory_kib: u64,
    ours: Summary,
) -> Row {
    let command = words.iter().map(|word| word.display().to_string());
    let (command, ratio) = (command.collect(), ours.ratio_to(&summary));
    Row { name, command, summary, peak_memory_kib, ratio, target_ratio }
}

/// Ours are the first two.
fn racers(programs: &Path) -> Result<Vec<Racer>> {
    let rootfs = repository::rootfs().join("busybox");
    let line = |program: &Path, line: &str| -> Vec<OsString> {
        let words = line.split_whitespace().map(|word| match word {
            "ROOTFS" => rootfs.clone().into(),
            word => word.into(),
        });
        [program.into()].into_iter().chain(words).collect()
    };
    let ours = programs.join(OURS);
    let run = |network: &str| {
        let options = format!("run --rm --network {network} --rootfs ROOTFS");
        line(&ours, &format!("{options} /bin/true"))
    };
    let mut racers = vec![
        (OURS, run("none"), None),
        (BRIDGED, run("bridge"), None),
        ("the bare calls, in C", bare(programs, &rootfs)?, Some(2.0)),
    ];
    compile(programs, "peak")?;
    let at = programs.join("bundle");
    bundle::write(&at, &rootfs)?;
    for (name, target) in [("crun", Some(1.0)), ("runc", None)] {
        if packages::has(name) {
            let options = format!("--root /run/{name} run --bundle");
            let mut words = line(&peer::locate(name)?, &options);
            words.extend([at.clone().into(), "workshop-bench".into()]);
            racers.push((name, words, target));
        }
    }
    const BWRAP: &str = "--unshare-all --uid 0 --gid 0 --ro-bind ROOTFS / \
        --proc /proc --dev /dev --hostname bench --cap-drop ALL /bin/true";
    const UNSHARE: &str = "--user --map-root-user --pid --fork --mount --uts \
        --ipc --net --cgroup --root ROOTFS /bin/true";
    for (name, options) in [("bwrap", BWRAP), ("unshare", UNSHARE)] {
        if packages::has(name) {
            racers.push((name, line(&peer::locate(name)?, options), None));
        }
    }
    if packages::has("podman") && packages::has("runc") {
        let podman = |network: &str| {
            let words = ["/bin/sh", "-ec", PODMAN].map(OsString::from);
            let arguments = [rootfs.clone().into(), network.into()];
            words.into_iter().chain(arguments).collect()
        };
        racers.push(("podman", podman("none"), None));
        racers.push(("podman, bridge", podman("podman"), Some(0.1)));
    }
    Ok(racers)
}

/// It makes its groups in all hierarchies of one version.
fn bare(programs: &Path, rootfs: &Path) -> Result<Vec<OsString>> {
    let program = compile(programs, "bare")?;
    let hierarchies = cgroups::hierarchies()?;
    let has_v1 = hierarchies.iter().any(|h| h.version == Version::V1);
    let used = hierarchies
        .into_iter()
        .filter(|h| !has_v1 || h.version == Version::V1)
        .map(|hierarchy| hierarchy.top.into());
    let words = [program.into(), rootfs.into(), "/bin/true".into()];
    Ok(words.into_iter().chain(used).collect())
}

/// A program in C, beside the steps.
fn compile(programs: &Path, name: &str) -> Result<PathBuf> {
    let source = repository::top().join(format!("tools/workshop/c/{name}.c"));
    let program = programs.join(name);
    let status = Command::new("cc")
        .args(["-O2", "-static", "-o"])
        .args([&program, &source])
        .status();
    match status.call("execve(\"cc\")")?.success() {
        true => Ok(program),
        false => Err(Error::new(format_args!("cc {source:?} failed"))
            .with_hint("its own message stands above")),
    }
}

/// The median of some looks.
fn peak_of(host: &Host, peak: &Path, words: &[OsString]) -> Result<u64> {
    let look = || {
        let output = host.command(peak).args(words).output();
        let output = output.call("execve(\"nsenter\")")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.trim().parse::<u64>().map_err(|_| {
            Error::new(format_args!(
                "{words:?}: no peak of memory: {}",
                String::from_utf8_lossy(&output.stderr)
            ))
        })
    };
    let mut peaks: Vec<u64> =
        (0..LOOKS).map(|_| look()).collect::<Result<_>>()?;
    peaks.sort_unstable();
    Ok(peaks[LOOKS / 2])
}

/// proc_loadavg(5), of the last minute.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").into()
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let Summary { median_us, p25_us, p75_us } = self.summary;
        let ms = |us: f64| format!("{:.2}", us / 1e3);
        let verdict = match self.target_ratio {
            None => String::new(),
            Some(target) if self.ratio <= target => {
                format!("at most {target}: met")
            }
            Some(target) => format!("at most {target}: MISSED"),
        };
        vec![
            self.name.into(),
            ms(median_us),
            format!("{}–{}", ms(p25_us), ms(p75_us)),
            self.peak_memory_kib.to_string(),
            format!("{:.2}", self.ratio),
            verdict,
        ]
    }
}

const HEAD: [&str; 6] =
    ["START AND END", "MEDIAN ms", "MIDDLE HALF", "PEAK KiB", "RATIO", ""];

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![HEAD.map(String::from).to_vec()];
        rows.extend(self.start_to_exit.iter().map(Row::cells));
        let [before, after] = &self.load;
        writeln!(f, "{}", table::render(&rows))?;
        writeln!(f, "{} runs each, in turn, of /bin/true", self.runs)?;
        writeln!(f, "PEAK    of one process, as wait4(2) has it")?;
        writeln!(
            f,
            "RATIO   how many times as long {OURS} takes, of the like"
        )?;
        writeln!(f, "{}", self.held)?;
        writeln!(f, "load    {before} before, {after} after\n")?;
        writeln!(f, "{}", self.machine)
    }
}
