//! Tables for people: columns as wide as they need to be, the flexible ones wrapped to the terminal.
//!
//! Own code: comfy-table and tabled have no notes below a row, and their styles know nothing of anstream.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::terminal::{HEADING, styled, wrapped};

/// Between two columns.
const GAP: &str = "  ";

/// No flexible column is narrower.
const NARROWEST: usize = 10;

/// How the cells of a column stand, and whether they are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// To the left.
    Left,
    /// To the right, as numbers do.
    Right,
    /// To the left, and wrapped where the terminal is narrow.
    Wrapped,
}

/// A table, row by row.
#[derive(Debug, Default)]
pub(super) struct Table {
    titles: Vec<(String, Fit)>,
    rows: Vec<Row>,
}

/// A text in a style.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

#[derive(Debug)]
struct Row {
    cells: Vec<Cell>,
    notes: Vec<Cell>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            style: Style::new(),
        }
    }
}

impl Cell {
    /// The cell in a style.
    pub(super) fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

impl Table {
    /// An empty table; one without titles has no line for them.
    pub(super) fn new<const N: usize>(columns: [(&str, Fit); N]) -> Self {
        let titles = columns.map(|(title, fit)| (title.to_owned(), fit));
        Self {
            titles: titles.to_vec(),
            rows: Vec::new(),
        }
    }

    /// One more row.
    pub(super) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(Row {
            cells: cells.to_vec(),
            notes: Vec::new(),
        });
    }

    /// A line below the last row, indented.
    pub(super) fn note(&mut self, note: Cell) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(note);
        }
    }

    /// The lines, each with its end.
    pub(super) fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let mut out = String::new();
        if self.titles.iter().any(|(title, _)| !title.is_empty()) {
            let titles = self.titles.iter();
            let titles = titles.map(|(title, _)| Cell::from(title.as_str()).style(HEADING));
            self.line(&titles.collect::<Vec<_>>(), &widths, &mut out);
        }
        let indent = widths.first().copied().unwrap_or(0) + GAP.len();
        for row in &self.rows {
            self.line(&row.cells, &widths, &mut out);
            for note in &row.notes {
                let within = width.map(|width| width.saturating_sub(indent));
                for line in wrapped(&note.text, within, 2) {
                    out.push_str(&" ".repeat(indent));
                    out.push_str(&styled(note.style, &line));
                    out.push('\n');
                }
            }
        }
        out
    }

    /// The width of each column: that of its longest cell; wrapped columns share the rest equally, but take no
    /// more than they need.
    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let needed = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(column));
            let cells = cells.map(|cell| cell.text.width()).max().unwrap_or(0);
            cells.max(self.titles[column].0.width())
        };
        let mut widths: Vec<usize> = (0..self.titles.len()).map(needed).collect();
        let Some(width) = width else {
            return widths;
        };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        let mut flexible: Vec<usize> = (0..widths.len())
            .filter(|column| self.titles[*column].1 == Fit::Wrapped)
            .collect();
        let fixed: usize = widths.iter().sum::<usize>()
            - flexible.iter().map(|column| widths[*column]).sum::<usize>();
        let mut left = width.saturating_sub(fixed + gaps);
        // The narrowest first: what it does not need is the others'.
        flexible.sort_by_key(|column| widths[*column]);
        for (done, column) in flexible.iter().enumerate() {
            let part = (left / (flexible.len() - done)).max(NARROWEST);
            widths[*column] = widths[*column].min(part);
            left = left.saturating_sub(widths[*column]);
        }
        widths
    }

    fn line(&self, cells: &[Cell], widths: &[usize], out: &mut String) {
        let lines: Vec<Vec<String>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| match cell.text.width() > *width {
                true => wrapped(&cell.text, Some(*width), 0),
                false => vec![cell.text.clone()],
            })
            .collect();
        let height = lines.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..height {
            let mut line = String::new();
            let mut gap = 0;
            for (column, cell) in cells.iter().enumerate() {
                let text = lines[column].get(number).map_or("", String::as_str);
                let padding = widths[column].saturating_sub(text.width());
                if self.titles[column].1 == Fit::Right {
                    gap += padding;
                }
                if !text.is_empty() {
                    line.push_str(&" ".repeat(gap));
                    line.push_str(&styled(cell.style, text));
                    gap = 0;
                } else {
                    gap += text.width();
                }
                if self.titles[column].1 != Fit::Right {
                    gap += padding;
                }
                gap += GAP.len();
            }
            out.push_str(&line);
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([("n", Fit::Right), ("name", Fit::Wrapped), ("x", Fit::Left)]);
        table.row(["1".into(), "日本語 some words".into(), "y".into()]);
        table.row(["22".into(), "b".into(), "".into()]);
        table.note("a note of some words".into());
        table
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_are_as_wide_as_their_content() {
        let expected = " n  name               x\n \
                         1  日本語 some words  y\n\
                        22  b\n    a note of some words\n";
        assert_eq!(plain(&table().render(None)), expected);
        assert_eq!(plain(&table().render(Some(80))), expected);
    }

    #[test]
    fn cells_wrap_on_a_narrow_terminal() {
        let expected = " n  name        x\n \
                         1  日本語      y\n    some words\n\
                        22  b\n    a note of\n      some words\n";
        assert_eq!(plain(&table().render(Some(17))), expected);
    }
}
