//! Columns that line up, two blanks apart. One long cell does not push the others of its column to the right: it runs over,
//! and its own row is longer.

use crate::text;

/// Wider cells run over.
const WIDEST: usize = 40;

pub(super) struct Table {
    rows: Vec<Vec<String>>,
    widest: usize,
}

impl Table {
    pub fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self::of(heads.map(str::to_owned).to_vec())
    }

    pub fn of(heads: Vec<String>) -> Self {
        Self {
            rows: vec![heads],
            widest: WIDEST,
        }
    }

    /// With columns of up to so many cells that still line up.
    pub fn widest(mut self, columns: usize) -> Self {
        self.widest = columns;
        self
    }

    /// Adds a row; its cells are made clean, and an empty one reads `-` so that fields can be counted.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.push(cells.to_vec());
    }

    /// The same where the columns are not known beforehand.
    pub fn push(&mut self, cells: Vec<String>) {
        let cells = cells.into_iter().map(|cell| match text::clean(&cell) {
            cell if cell.is_empty() => "-".to_owned(),
            cell => cell.into_owned(),
        });
        self.rows.push(cells.collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        let widths: Vec<usize> = (0..columns)
            .map(|i| {
                self.rows
                    .iter()
                    .filter_map(|r| r.get(i))
                    .map(|c| text::width(c))
                    .filter(|width| *width <= self.widest)
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in &self.rows {
            let line: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| {
                    let longer = text::width(cell) > *width;
                    if longer { cell.clone() } else { text::pad(cell, *width) }
                })
                .collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, WIDEST};

    #[test]
    fn one_long_cell_widens_its_own_row_and_no_line_ends_in_blanks() {
        let mut table = Table::new(["WHO", "OUTCOME", "REASON"]);
        let long = "x".repeat(WIDEST + 1);
        table.row(["kim".to_owned(), long.clone(), "late".to_owned()]);
        table.row(["lee".to_owned(), "done".to_owned(), String::new()]);
        let text = table.to_string();
        assert_eq!(
            text,
            format!("WHO  OUTCOME  REASON\nkim  {long}  late\nlee  done     -\n")
        );
    }
}
