//! A table with a column for each step.

use std::fmt::{self, Display};

use serde_json::{Map, Value};

use super::Column;

/// Rows and columns in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    corner: String,
    steps: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// An empty table; `corner` is the header of the rows' names.
    pub fn new(corner: &str) -> Self {
        Self { corner: corner.into(), steps: Vec::new(), rows: Vec::new() }
    }

    /// Adds a column. All columns have the same rows.
    pub fn add(&mut self, step: &str, column: Column) {
        self.steps.push(step.into());
        for (number, (name, cell)) in column.into_iter().enumerate() {
            match self.rows.get_mut(number) {
                Some((_, cells)) => cells.push(cell),
                None => self.rows.push((name, vec![cell])),
            }
        }
    }

    /// `{"ROW": {"STEP": "cell", …}, …}`.
    pub fn json(&self) -> Value {
        let row = |cells: &[String]| -> Map<String, Value> {
            let cells = cells.iter().cloned().map(Value::String);
            self.steps.iter().cloned().zip(cells).collect()
        };
        let rows = self.rows.iter();
        rows.map(|(name, cells)| (name.clone(), row(cells).into()))
            .collect::<Map<_, _>>()
            .into()
    }
}

impl Display for Table {
    /// As docker(1) prints tables. A cell that is as in the step before is
    /// only a dot, so that the eye finds what flipped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.rows.iter().map(|(name, _)| name.len());
        let width = names.max().unwrap_or(0).max(self.corner.len());
        let line = |name: &str, cells: Vec<&str>| {
            let cells = cells.iter().map(|cell| format!("   {cell:10}"));
            format!("{name:width$}{}", cells.collect::<String>())
        };
        let headers = self.steps.iter().map(String::as_str).collect();
        writeln!(f, "{}", line(&self.corner, headers).trim_end())?;
        for (name, cells) in &self.rows {
            writeln!(f, "{}", line(name, what_flips(cells)).trim_end())?;
        }
        Ok(())
    }
}

fn what_flips(cells: &[String]) -> Vec<&str> {
    let is_same = |n: usize| n > 0 && cells[n - 1] == cells[n];
    (0..cells.len()).map(|n| if is_same(n) { "." } else { &cells[n] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |cells: [&str; 2]| {
            let names = ["root", "ns-uts"].map(String::from);
            names.into_iter().zip(cells.map(String::from)).collect()
        };
        let mut table = Table::new("RESOURCE");
        table.add("00-process", column(["shared", "shared"]));
        table.add("01-chroot", column(["private", "shared"]));
        table
    }

    #[test]
    fn what_is_as_before_is_a_dot() {
        let expected = "RESOURCE   00-process   01-chroot\n\
                        root       shared       private\n\
                        ns-uts     shared       .\n";
        assert_eq!(table().to_string(), expected);
    }

    #[test]
    fn json_spells_out_every_cell() {
        let json = table().json();
        assert_eq!(json["ns-uts"]["01-chroot"], "shared");
        assert_eq!(json["root"]["01-chroot"], "private");
    }
}
