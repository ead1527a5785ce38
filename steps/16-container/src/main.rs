//! `16-container run --rootfs DIR COMMAND`: containers with everything.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Subcommand};
use container::{Entry, Format, Store, parse_signal};
use process::{Error, Result};

/// Containers, with all that the steps before it isolate, limit and give up,
/// and with a life: they can be listed, entered, stopped and removed.
#[derive(Debug, clap::Parser)]
#[command(name = "16-container", version)]
struct Options {
    /// Where the containers are written down [default: below /run for root,
    /// else below XDG_RUNTIME_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a container, and run a program in it
    Run(Box<container::RunOptions>),
    /// Make a container, and leave its program to be started
    Create(Box<container::RunOptions>),
    /// Start the program of containers that were made
    Start(Names),
    /// Run one more program in a container
    Exec(container::ExecOptions),
    /// List containers
    Ps(container::PsOptions),
    /// Print what a container has written
    Logs(container::LogsOptions),
    /// Print all that is known of containers
    Inspect(Names),
    /// List the processes of a container
    Top {
        /// How to print it
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
        /// The container, by name, id, or the beginning of an id
        container: String,
    },
    /// Print what containers use of the machine
    Stats {
        /// How to print it
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
        /// The containers; all that run, if none is named
        containers: Vec<String>,
    },
    /// Send a signal to containers
    Kill {
        /// Which one, by name or number
        #[arg(short, long, default_value = "KILL", value_parser = parse_signal)]
        signal: i32,
        #[command(flatten)]
        names: Names,
    },
    /// Ask containers to end, and have them end if they don't
    Stop {
        /// How long to wait before a SIGKILL, in seconds
        #[arg(short, long, default_value = "10", value_name = "SECONDS")]
        time: u32,
        #[command(flatten)]
        names: Names,
    },
    /// Wait until containers have ended, and print their exit codes
    Wait(Names),
    /// Forget containers that do not run
    Rm {
        /// Those that run, too: they are killed
        #[arg(short, long)]
        force: bool,
        #[command(flatten)]
        names: Names,
    },
    /// Have all processes of containers stand still
    Pause(Names),
    /// Let them go on
    Unpause(Names),
    /// Print what a shell needs to complete these commands
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Which containers.
#[derive(Debug, clap::Args)]
struct Names {
    /// The containers, by name, id, or the beginning of an id
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

fn main() -> ExitCode {
    process::main(run)
}

fn run(options: &Options) -> Result<u8> {
    if let Verb::Completion { shell } = options.verb {
        let (mut command, mut out) = (Options::command(), std::io::stdout());
        clap_complete::generate(shell, &mut command, "16-container", &mut out);
        return Ok(0);
    }
    let store = &Store::open(options.state.as_deref())?;
    match &options.verb {
        Verb::Run(options) => return container::run(store, options),
        Verb::Create(options) => {
            return container::create_and_leave(store, options);
        }
        Verb::Start(names) => names.each(store, container::start)?,
        Verb::Exec(options) => return container::exec(store, options),
        Verb::Ps(options) => container::ps(store, options)?,
        Verb::Logs(options) => {
            container::logs(&store.find(&options.container)?, options)?;
        }
        Verb::Inspect(names) => container::inspect(store, &names.containers)?,
        Verb::Top { format, container } => {
            container::top(&store.find(container)?, *format)?;
        }
        Verb::Stats { format, containers } => {
            container::stats(store, containers, *format)?;
        }
        Verb::Kill { signal, names } => {
            names.each(store, |one| container::kill(one, *signal))?;
        }
        Verb::Stop { time, names } => {
            names.each(store, |one| container::stop(one, *time))?;
        }
        Verb::Wait(names) => {
            names.print(store, |one, _| {
                one.wait(None).map(|code| code.unwrap_or_default().to_string())
            })?;
        }
        Verb::Rm { force, names } => {
            names.each(store, |one| container::delete(store, one, *force))?;
        }
        Verb::Pause(names) => {
            names.each(store, |one| container::pause(one, true))?;
        }
        Verb::Unpause(names) => {
            names.each(store, |one| container::pause(one, false))?;
        }
        Verb::Completion { .. } => {}
    }
    Ok(0)
}

impl Names {
    /// Does it with each, and prints its name, as it was given.
    fn each(
        &self,
        store: &Store,
        act: impl Fn(&Entry) -> Result<()>,
    ) -> Result<()> {
        self.print(store, |entry, name| act(entry).map(|()| name.into()))
    }

    /// Prints what becomes of each. That one fails is no reason to leave out
    /// the others.
    fn print(
        &self,
        store: &Store,
        act: impl Fn(&Entry, &str) -> Result<String>,
    ) -> Result<()> {
        let mut failed = Ok(());
        for name in &self.containers {
            match store.find(name).and_then(|entry| act(&entry, name)) {
                Ok(text) => println!("{text}"),
                Err(error) => failed = Err(after(failed, error)),
            }
        }
        failed
    }
}

/// Both errors, if there was one before.
fn after(before: Result<()>, error: Error) -> Error {
    match before {
        Ok(()) => error,
        Err(before) => Error::new(format_args!("{before}\n{error}"))
            .with_exit_code(error.exit_code()),
    }
}
