//! `attacks list`, `run`, `plant`, `against` and `exchange`.

use std::io::{Read, stdin};
use std::os::fd::AsFd;
use std::process::ExitCode;

use attacks::{
    ATTACKS, AgainstOptions, Attack, ExchangeOptions, Format, HeldSignals,
    NeighbourOptions, Outcome, PlantOptions, Report, Spec,
};
use clap::Parser;
use process::{Call, Result};
use serde::Serialize;

/// Attack a sandbox, harmlessly: what is reached is a canary, planted for it.
#[derive(Debug, clap::Parser)]
#[command(name = "attacks", version)]
enum Options {
    /// List the attacks
    List {
        /// How to print it
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Attack from inside, as the sandbox's command
    ///
    /// Exits with 0 if the attack was contained, 1 if it escaped, 77 if it
    /// could not be tried or only the witness can tell, 64 without a canary.
    Run {
        /// The attack
        #[arg(value_name = "NAME", value_parser = attacks::find)]
        attack: &'static Attack,
        /// Where the canaries are: the first line that `attacks plant` prints
        #[arg(long, value_name = "SPEC")]
        canary: Spec,
        /// How to print it
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Plant the canaries; at the end of input, tell what happened to the host
    Plant(PlantOptions),
    /// Plant, attack from within a step, and judge
    ///
    /// Example: attacks against --rootfs /srv/root -- 01-chroot /srv/root
    Against {
        #[command(flatten)]
        options: AgainstOptions,
        /// How to print it
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Exchange two paths over and over, while a step looks at them
    ///
    /// Ends by SIGTERM, SIGINT, the end of its parent or --for, leaves the two
    /// as they were, and prints how often it exchanged them.
    Exchange(ExchangeOptions),
    #[command(hide = true)] // `attacks against` runs it in a second sandbox.
    Neighbour(NeighbourOptions),
}

fn main() -> ExitCode {
    if attacks::is_helper() {
        return ExitCode::SUCCESS;
    }
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(usage) => {
            let code = if usage.use_stderr() { attacks::USAGE } else { 0 };
            // Nothing is left to tell the user if even this can't be printed.
            return usage.print().map_or(attacks::USAGE, |()| code).into();
        }
    };
    run(&options).unwrap_or_else(|error| {
        eprintln!("attacks: {error}");
        // 125 is for the step that runs us.
        let code = error.exit_code();
        if code == process::FAILED { 1.into() } else { code.into() }
    })
}

fn run(options: &Options) -> Result<ExitCode> {
    match options {
        Options::List { format } => list(*format),
        Options::Run { attack, canary, format } => {
            let claim = attacks::run(attack, canary)?;
            print(std::slice::from_ref(&claim.report), &claim, *format)?;
            Ok(claim.report.outcome.exit_code().into())
        }
        Options::Plant(options) => plant(options),
        Options::Against { options, format } => {
            let reports = attacks::against(options)?;
            print(&reports, &reports, *format)?;
            let failed = reports.iter().any(|r| r.outcome == Outcome::Failed);
            Ok(u8::from(failed).into())
        }
        Options::Neighbour(options) => {
            attacks::neighbour(options)?;
            Ok(ExitCode::SUCCESS)
        }
        Options::Exchange(options) => {
            let count = attacks::exchange(options)?;
            attacks::print(&format!("exchanged {count} times\n"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(format: Format) -> Result<ExitCode> {
    let text = match format {
        Format::Json => attacks::json(&ATTACKS)? + "\n",
        Format::Table => {
            let rows = ATTACKS.iter();
            rows.map(|a| format!("{:18}{}\n", a.name, a.about)).collect()
        }
    };
    attacks::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn plant(options: &PlantOptions) -> Result<ExitCode> {
    let signals = HeldSignals::hold()?;
    let mut canary = attacks::plant(options)?;
    for untried in &canary.unplanted {
        eprintln!("attacks: {}: {}", untried.attack, untried.evidence);
    }
    attacks::print(&format!("{}\n", canary.spec))?;
    while signals.wait(Some(stdin().as_fd()), None)?.is_none() {
        let length =
            stdin().read(&mut [0; 4096]).call("read(standard input)")?;
        if length == 0 {
            break;
        }
    }
    let seen = attacks::json(&canary.witness()?)?;
    attacks::print(&format!("{seen}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints rows as a table, or `value` as JSON.
fn print(
    rows: &[Report],
    value: &impl Serialize,
    format: Format,
) -> Result<()> {
    attacks::print(&match format {
        Format::Table => attacks::table(rows),
        Format::Json => attacks::json(value)? + "\n",
    })
}
