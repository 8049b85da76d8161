//! Text tables with aligned columns.

use std::fmt;

/// A header and rows of the same number of cells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextTable<'a> {
    pub(crate) header: &'a [&'a str],
    /// The first columns are aligned left; the others, which hold figures, right.
    pub(crate) text_columns: usize,
    pub(crate) rows: &'a [Vec<String>],
}

impl fmt::Display for TextTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header: Vec<String> = self.header.iter().map(|cell| (*cell).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(self.rows).collect();
        let width_of = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..header.len()).map(width_of).collect();
        for line in &lines {
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                f.write_str(if column == 0 { "" } else { "  " })?;
                match column < self.text_columns {
                    true => write!(f, "{cell:width$}")?,
                    false => write!(f, "{cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
