//! How long it takes to list the containers, while hundreds of them run.

use std::fmt::{self, Display};
use std::path::Path;

use process::{Call, Error, Result};
use serde::Serialize;

use super::race;
use super::summary::Summary;
use crate::host::Host;

/// How many run meanwhile.
const HELD: usize = 500;

/// How long the median may be.
const LONGEST_US: f64 = 20_000.0;

/// All numbers, with their units in their names.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    containers: usize,
    #[serde(flatten)]
    ps: Summary,
    target_us: f64,
}

/// Starts them, takes the time, and removes them.
pub(super) fn measure(
    host: &Host,
    program: &Path,
    rootfs: &Path,
    runs: usize,
) -> Result<Held> {
    eprintln!("workshop: measuring ps with {HELD} running");
    let start = format!(
        "for i in $(seq {HELD}); do
            $0 run -d --network none --rootfs $1 sleep 1000000 >/dev/null
        done"
    );
    let call = |script: &str| {
        let mut shell = host.command("sh");
        shell.args(["-euc", script]).args([program, rootfs]);
        let status = shell.status().call("execve(\"sh\")")?;
        match status.success() {
            true => Ok(()),
            false => Err(Error::new("no containers on the pretend host")
                .with_hint("its own message stands above")),
        }
    };
    let ps = vec![program.into(), "ps".into()];
    let times = call(&start).and_then(|()| race(host, &[ps], runs));
    // Their groups would outlive the host.
    call("$0 rm -f $($0 ps -aq) >/dev/null")?;
    let ps = Summary::of(times?.into_iter().flatten().collect());
    Ok(Held { containers: HELD, ps, target_us: LONGEST_US })
}

impl Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { containers, ps, target_us } = self;
        let [median, p25, p75, target] =
            [ps.median_us, ps.p25_us, ps.p75_us, *target_us].map(|us| us / 1e3);
        let verdict = if median < target { "met" } else { "MISSED" };
        write!(
            f,
            "ps      {median:.1} ms ({p25:.1}–{p75:.1}) with {containers} \
             running: less than {target}: {verdict}"
        )
    }
}
