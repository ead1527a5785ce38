//! A table as docker(1) prints it.

/// Rows of cells, each column as wide as its widest cell.
pub(crate) fn render(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell() {
        let rows = [["STEP", "SPREAD"], ["00-process", "1–2"]];
        let rows = rows.map(|row| row.map(String::from).to_vec());
        assert_eq!(render(&rows), "STEP         SPREAD\n00-process   1–2\n");
        assert_eq!(render(&[]), "");
    }
}
