//! `workshop hosts`: several hosts on one machine, for networks that take more
//! than one.
//!
//! A host is a process in namespaces of its own: network, host name, mount
//! table, process numbers, IPC. They are joined by one more network namespace
//! with a bridge in it, the *underlay*, as a switch joins machines. Nothing is
//! written down anywhere: the processes are found by their command line, and
//! with them the kernel removes all the rest.

mod holder;
mod underlay;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use process::{Call, Error, Result};

pub(crate) use holder::{Holder, running};

/// Make two to eight hosts out of namespaces, joined by one network, and look
/// around in them.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make hosts, and draw what joins them
    Up {
        /// How many
        #[arg(value_parser = clap::value_parser!(u8).range(2..=8))]
        number: u8,
    },
    /// Draw the hosts that there are
    List,
    /// Start a shell on a host, or another command
    Shell {
        /// Which host
        host: u8,
        /// The command, with its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Remove all hosts, with everything that runs on them
    Down,
    #[command(hide = true)] // `up` starts it.
    Hold { number: u8 },
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    match &options.command {
        Action::Up { number } => up(*number)?,
        Action::List => print!("{}", picture(&running()?)?),
        Action::Shell { host, command } => return shell(*host, command),
        Action::Down => down()?,
        Action::Hold { number } => holder::hold(*number)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn up(number: u8) -> Result<()> {
    if !running()?.is_empty() {
        return Err(Error::new("there are hosts already")
            .with_hint("`workshop hosts down` removes the hosts there are"));
    }
    let made = make(number);
    if made.is_err() {
        down()?;
    }
    print!("{}", picture(&made?)?);
    Ok(())
}

fn make(number: u8) -> Result<Vec<Holder>> {
    let all = (0..=number).map(holder::start).collect::<Result<Vec<_>>>()?;
    underlay::join(&all)?;
    Ok(all)
}

fn down() -> Result<()> {
    running()?.iter().try_for_each(Holder::end)
}

/// Becomes the command.
fn shell(host: u8, command: &[String]) -> Result<ExitCode> {
    let all = running()?;
    let found = all.iter().find(|holder| holder.number == host && host > 0);
    let Some(found) = found else {
        return Err(Error::new(format_args!("there is no host {host}"))
            .with_hint("`workshop hosts up 3` makes three"));
    };
    let mut enter = Command::new("nsenter");
    enter.args(["--target", &found.pid.to_string()]);
    enter.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--"]);
    // Who enters a mount table is at its root directory.
    let here = std::env::current_dir().call("getcwd()")?;
    enter.args(["sh", "-c", "cd \"$1\"; shift; exec \"$@\"", "sh"]).arg(here);
    match command {
        [] => enter.arg("bash"),
        command => enter.args(command),
    };
    Err(enter.exec()).call("execve(\"nsenter\")")
}

/// The hosts, the network that joins them, and the way in.
fn picture(all: &[Holder]) -> Result<String> {
    let hosts: Vec<_> = all.iter().filter(|holder| holder.number > 0).collect();
    if hosts.is_empty() {
        return Ok("no hosts: `workshop hosts up 3` makes three\n".into());
    }
    let line = |part: &dyn Fn(&Holder) -> String| -> String {
        let cells = hosts.iter().map(|holder| format!("{:^16}", part(holder)));
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    let [v4, v6] = underlay::networks();
    let bar = "───────────────";
    let taps = vec!["┴"; hosts.len().saturating_sub(2)].join(bar);
    let middle = [bar, &taps, bar].concat();
    let middle = if taps.is_empty() { bar } else { &middle };
    Ok([
        line(&|_| "┌──────────┐".into()),
        line(&|holder| format!("│ {:^8} │", holder.name())),
        line(&|_| "│   eth0   │".into()),
        line(&|_| "└────┬─────┘".into()),
        line(&|holder| underlay::address(holder.number).to_string()),
        line(&|_| "│".into()),
        format!("       └{middle}┘  underlay: {v4}, {v6}\n\n"),
        "A shell on the first: workshop hosts shell 1\n".into(),
    ]
    .concat())
}
