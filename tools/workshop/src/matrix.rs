//! The two tables that are the heart of the kit: what each step isolates,
//! and which attacks it contains. Both are measured, by running every step on
//! a pretend host.

mod attacked;
mod isolated;
mod table;

use std::process::ExitCode;

use process::Result;

use crate::ladder::{LADDER, Step};
use crate::setup;

pub use attacked::attacks;
pub use isolated::isolation;
pub use table::Table;

/// Run every step, and print what it isolates and which attacks it contains.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only one of the two tables
    #[arg(value_enum)]
    which: Option<Which>,
    /// How to print it
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Resource by step: shared, private or limited
    Isolation,
    /// Attack by step: escaped or contained
    Attacks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs: an object of tables, of rows, of steps
    Json,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure()?;
    let is_wanted = |which| options.which.is_none_or(|only| only == which);
    let mut tables = Vec::new();
    if is_wanted(Which::Isolation) {
        tables.push(("isolation", measure("RESOURCE", isolation)?));
    }
    if is_wanted(Which::Attacks) {
        tables.push(("attacks", measure("ATTACK", attacks)?));
    }
    match options.format {
        Format::Table => {
            let texts = tables.iter().map(|(_, table)| table.to_string());
            print!("{}", texts.collect::<Vec<_>>().join("\n"));
        }
        Format::Json => {
            let named = tables.iter().map(|(name, t)| (*name, t.json()));
            println!("{}", named.collect::<serde_json::Value>());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What one step did to each row: its name, and the cell.
pub type Column = Vec<(String, String)>;

/// The table of all steps.
pub fn measure(
    corner: &str,
    column: fn(&Step) -> Result<Column>,
) -> Result<Table> {
    let mut table = Table::new(corner);
    for step in LADDER {
        table.add(step.name, column(step)?);
    }
    Ok(table)
}
