//! `book`: builds the book, and proves that what it shows is so.

mod chapter;
mod check;
mod curve;
mod figure;
mod item;
mod kit;
mod lines;
mod listing;
mod man;
mod new;
mod parts;
mod render;
mod serve;
mod session;
mod teach;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::chapter::Edition;
use crate::kit::Kit;

/// Build the book, serve it, check it, run what it shows.
#[derive(Debug, Parser)]
#[command(name = "book", version)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the book, in target/book
    Build(For),
    /// Show the book to a browser, made again whenever its sources change
    Serve {
        #[command(flatten)]
        edition: For,
        /// 0.0.0.0:3000 is for a browser outside of the VM
        #[arg(long, default_value = "127.0.0.1:3000")]
        listen: String,
    },
    /// Build both editions; check links, manual pages, chapters and privacy
    Check,
    /// Run every session and compare it with what the book shows
    Sessions(session::Sessions),
    /// Print how long the chapters take
    Schedule,
    /// Be the preprocessor of an mdbook that is installed
    #[command(hide = true)]
    Preprocess { question: Vec<String> },
}

#[derive(Args, Debug)]
struct For {
    /// With minutes and the teacher's notes, in target/book-teacher
    #[arg(long)]
    teacher: bool,
}

impl For {
    fn edition(&self) -> Edition {
        if self.teacher { Edition::Teacher } else { Edition::Reader }
    }
}

fn main() -> ExitCode {
    match run(Options::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("book: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<Command>) -> Result<()> {
    let kit = Kit::find()?;
    match command.unwrap_or(Command::Build(For { teacher: false })) {
        Command::Build(edition) => {
            let dir = render::build(&kit, edition.edition())?;
            println!("{}", dir.join("index.html").display());
            Ok(())
        }
        Command::Serve { edition, listen } => {
            serve::serve(&kit, &listen, edition.edition())
        }
        Command::Check => check::check(&kit),
        Command::Sessions(options) => {
            session::run(&kit, &render::chapters(&kit)?, &options)
        }
        Command::Schedule => {
            print!("{}", parts::schedule(&render::chapters(&kit)?)?);
            Ok(())
        }
        Command::Preprocess { question } => render::preprocess(&kit, &question),
    }
}
