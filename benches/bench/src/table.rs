//! Tables of Markdown that can be read as they are.

use std::fmt;

/// Rows of cells below a heading. The first column is text, the others are numbers.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(heading: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            rows: vec![heading.into_iter().map(Into::into).collect()],
        }
    }

    /// Adds a row at the end.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is nothing below the heading.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let width = self.width(column);
                match column {
                    0 => write!(f, "| {cell:width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)?;
            if index == 0 {
                for column in 0..row.len() {
                    let line = "-".repeat(self.width(column));
                    match column {
                        0 => write!(f, "|-{line}-|")?,
                        _ => write!(f, "-{line}:|")?,
                    }
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

/// A number with three digits or so, as far as it means something.
pub(crate) fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 1000.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// A number with a unit that keeps it short.
pub(crate) fn amount(value: f64, unit: &str) -> String {
    let (value, unit) = match unit {
        "ns" if value >= 1e6 => (value / 1e6, "ms"),
        "ns" if value >= 1e3 => (value / 1e3, "µs"),
        "KiB" if value >= 1024.0 => (value / 1024.0, "MiB"),
        _ => (value, unit),
    };
    format!("{} {unit}", number(Some(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_is_markdown() {
        let mut table = Table::new(["name", "x"]);
        table.row(["a".to_owned(), number(Some(12.34))]);
        let expected = "| name |    x |\n|------|-----:|\n| a    | 12.3 |\n";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn amounts_have_the_unit_that_keeps_them_short() {
        assert_eq!(amount(5.4, "ns"), "5.40 ns");
        assert_eq!(amount(75_000.0, "ns"), "75.0 µs");
        assert_eq!(amount(2048.0, "KiB"), "2.00 MiB");
    }
}
