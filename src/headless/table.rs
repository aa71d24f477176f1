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

/// Narrower than this no column becomes.
const LEAST: usize = 10;

/// A printed table in at most so many columns: the widest columns give way first. For people at a terminal alone: in a
/// pipe nothing is cut. A line that is none of the table stays as it is, and so does all where there is no such room.
pub fn shrink(table: &str, columns: usize) -> String {
    let cells = |line: &str| -> Vec<String> {
        let parts = line.split("  ").map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    let lines: Vec<(&str, Vec<String>)> = table.lines().map(|line| (line, cells(line))).collect();
    let count = lines.first().map_or(0, |(_, heads)| heads.len());
    let rows = || lines.iter().filter(|(_, row)| row.len() == count);
    let mut widths: Vec<usize> = (0..count)
        .map(|i| {
            rows()
                .filter_map(|(_, row)| row.get(i))
                .map(|c| text::width(c))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let blanks = 2 * count.saturating_sub(1);
    while widths.iter().sum::<usize>() + blanks > columns {
        match widths.iter_mut().max().filter(|width| **width > LEAST) {
            Some(widest) => *widest -= 1,
            None => return table.to_owned(),
        }
    }
    let mut out = String::with_capacity(table.len());
    for (line, row) in &lines {
        if row.len() == count {
            let fit = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| text::pad(&text::truncate_middle(cell, *width), *width));
            out.push_str(fit.collect::<Vec<_>>().join("  ").trim_end());
        } else {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Table, WIDEST, shrink};

    #[test]
    fn on_a_narrow_terminal_a_row_stays_one_line_and_short_cells_stay_whole() {
        let mut table = Table::new(["NAME", "READY", "NODE"]);
        table.row([
            "cortex-api-7f9c6d5b8-x2x4q".to_owned(),
            "1/1".to_owned(),
            "lab-node-01".to_owned(),
        ]);
        table.row(["web".to_owned(), "0/1".to_owned(), "lab-node-02".to_owned()]);
        let wide = table.to_string();
        let narrow = shrink(&wide, 32);
        let lines: Vec<&str> = narrow.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|l| l.chars().count() <= 32), "{narrow}");
        assert!(
            narrow.contains("0/1") && narrow.contains("lab-node-02") && narrow.contains('…'),
            "{narrow}"
        );
        assert_eq!(shrink(&wide, 80), wide, "where there is room nothing is cut");
        assert_eq!(shrink(&wide, 12), wide, "and where there is none, nothing either");
    }

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
