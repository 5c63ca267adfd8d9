//! Blocks of lines laid out for a width: rows with a note at the right edge, cells in columns.
//!
//! Owns alignment and what gives way when it is narrow. Pure: it must not write.

use super::text::{Symbol, Text};

/// Spaces before a row's symbol.
const INDENT: usize = 2;
/// Spaces between a row's name and its detail, and between cells.
const GAP: usize = 2;
/// Spaces before a note, at least.
const NOTE_GAP: usize = 3;
/// Below this width a note that does not fit beside its row is left out.
const NARROW: usize = 40;

/// One row: `✓ build     pipeline 88123                4m 02s`; without symbol and name, a heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    symbol: Option<Symbol>,
    name: Text,
    detail: Text,
    note: Text,
}

impl Row {
    /// A row of a list: what it is about, and how it stands.
    pub fn new(symbol: Symbol, name: impl Into<Text>, detail: impl Into<Text>) -> Self {
        Row { symbol: Some(symbol), name: name.into(), detail: detail.into(), note: Text::new() }
    }

    /// A line that stands at the left edge and may carry a note as well.
    pub fn heading(detail: impl Into<Text>) -> Self {
        Row { detail: detail.into(), ..Row::default() }
    }

    /// Sets what stands at the right edge: an age, a duration.
    pub fn note(mut self, note: impl Into<Text>) -> Self {
        self.note = note.into();
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Text { text: Text, hang: usize },
    Row(Row),
    Cells { lead: Text, cells: Vec<Text> },
}

/// Lines that are laid out together: rows share their columns, neighbouring cells too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    lines: Vec<Line>,
}

impl Block {
    /// An empty block.
    pub fn new() -> Self {
        Block::default()
    }

    /// Adds a line that wraps back to the left edge.
    pub fn text(self, text: impl Into<Text>) -> Self {
        self.hanging(text, 0)
    }

    /// Adds a line that wraps to `hang` columns.
    pub fn hanging(mut self, text: impl Into<Text>, hang: usize) -> Self {
        self.lines.push(Line::Text { text: text.into(), hang });
        self
    }

    /// Adds an empty line.
    pub fn blank(self) -> Self {
        self.text(Text::new())
    }

    /// Adds a row.
    pub fn row(mut self, row: Row) -> Self {
        self.lines.push(Line::Row(row));
        self
    }

    /// Adds a line of cells behind `lead`, aligned with the lines of cells next to it. The last
    /// cell of a line does not widen its column.
    pub fn cells(mut self, lead: impl Into<Text>, cells: impl IntoIterator<Item = Text>) -> Self {
        self.lines.push(Line::Cells { lead: lead.into(), cells: cells.into_iter().collect() });
        self
    }

    /// Adds the lines of another block.
    pub fn then(mut self, other: Block) -> Self {
        self.lines.extend(other.lines);
        self
    }

    /// True if there are no lines.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The finished lines for a width.
    pub fn layout(&self, columns: usize, ascii: bool) -> Vec<Text> {
        let rows = RowColumns::of(self.rows(), columns, ascii);
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(line) = self.lines.get(at) {
            at += 1;
            match line {
                Line::Text { text, hang } => out.extend(text.wrap(columns, *hang, ascii)),
                Line::Row(row) => out.extend(rows.layout(row, columns, ascii)),
                Line::Cells { .. } => {
                    let same = self.lines[at..].iter().take_while(|line| matches!(line, Line::Cells { .. }));
                    let end = at + same.count();
                    out.extend(lay_cells(&self.lines[at - 1..end], columns, ascii));
                    at = end;
                }
            }
        }
        out
    }

    /// The block without its notes: what counts as a change when it is shown again and again.
    pub(crate) fn without_notes(&self) -> Block {
        let lines = self.lines.iter().map(|line| match line {
            Line::Row(row) => Line::Row(Row { note: Text::new(), ..row.clone() }),
            other => other.clone(),
        });
        Block { lines: lines.collect() }
    }

    /// The same block with every word passed through `mask`.
    pub(crate) fn masked(&self, mask: impl Fn(&str) -> String) -> Block {
        let lines = self.lines.iter().map(|line| match line {
            Line::Text { text, hang } => Line::Text { text: text.masked(&mask), hang: *hang },
            Line::Row(row) => Line::Row(Row {
                symbol: row.symbol,
                name: row.name.masked(&mask),
                detail: row.detail.masked(&mask),
                note: row.note.masked(&mask),
            }),
            Line::Cells { lead, cells } => Line::Cells {
                lead: lead.masked(&mask),
                cells: cells.iter().map(|cell| cell.masked(&mask)).collect(),
            },
        });
        Block { lines: lines.collect() }
    }

    fn rows(&self) -> impl Iterator<Item = &Row> + Clone {
        self.lines.iter().filter_map(|line| if let Line::Row(row) = line { Some(row) } else { None })
    }
}

/// The columns that the rows of a block share.
struct RowColumns {
    symbol: usize,
    name: usize,
    edge: usize,
}

impl RowColumns {
    fn of<'a>(rows: impl Iterator<Item = &'a Row> + Clone, columns: usize, ascii: bool) -> Self {
        let symbol =
            rows.clone().filter_map(|row| row.symbol).map(|symbol| Text::new().symbol(symbol).width(ascii));
        let name = rows.clone().map(|row| row.name.width(ascii));
        let mut shared =
            RowColumns { symbol: symbol.max().unwrap_or(0), name: name.max().unwrap_or(0), edge: 0 };
        // The widest row decides where notes end; on a wide terminal they stay near.
        let edges = rows.filter(|row| !row.note.is_empty()).map(|row| shared.natural(row, ascii));
        shared.edge = edges.max().unwrap_or(0).min(columns);
        shared
    }

    fn detail_at(&self, row: &Row) -> usize {
        if row.symbol.is_some() { INDENT + self.symbol + 1 + self.name + GAP } else { 0 }
    }

    fn natural(&self, row: &Row, ascii: bool) -> usize {
        self.detail_at(row) + row.detail.width(ascii) + NOTE_GAP + row.note.width(ascii)
    }

    fn layout(&self, row: &Row, columns: usize, ascii: bool) -> Vec<Text> {
        let hang = self.detail_at(row);
        let mut left = Text::new();
        if let Some(symbol) = row.symbol {
            let sign = Text::new().symbol(symbol).padded(self.symbol, ascii);
            left = left.plain(" ".repeat(INDENT)).then(sign).plain(" ");
            left = left.then(row.name.clone());
            if !row.detail.is_empty() {
                left = left.padded(hang, ascii);
            }
        }
        let left = left.then(row.detail.clone());
        if row.note.is_empty() {
            return left.wrap(columns, hang, ascii);
        }
        if self.natural(row, ascii) <= self.edge {
            let space = self.edge - row.note.width(ascii);
            return vec![left.padded(space, ascii).then(row.note.clone())];
        }
        let mut lines = left.wrap(columns, hang, ascii);
        if columns >= NARROW {
            lines.push(Text::from(" ".repeat(hang.max(INDENT))).then(row.note.clone()));
        }
        lines
    }
}

/// Lays out neighbouring lines of cells; where one is too wide, it gives up its columns and wraps.
fn lay_cells(lines: &[Line], columns: usize, ascii: bool) -> Vec<Text> {
    let cells_of = |line: &Line| match line {
        Line::Cells { lead, cells } => Some((lead.clone(), cells.clone())),
        _ => None,
    };
    let lines: Vec<(Text, Vec<Text>)> = lines.iter().filter_map(cells_of).collect();
    let mut widths = Vec::new();
    for (_, cells) in &lines {
        for (column, cell) in cells.iter().take(cells.len().saturating_sub(1)).enumerate() {
            if column == widths.len() {
                widths.push(0);
            }
            widths[column] = widths[column].max(cell.width(ascii));
        }
    }
    let mut out = Vec::new();
    for (lead, cells) in lines {
        let last = cells.len().saturating_sub(1);
        let hang = lead.width(ascii) + GAP;
        let join = |aligned: bool| {
            cells.iter().enumerate().fold(lead.clone(), |line, (column, cell)| {
                match (column < last, aligned) {
                    (true, true) => line.then(cell.clone().padded(widths[column] + GAP, ascii)),
                    (true, false) => line.then(cell.clone()).plain(" ".repeat(GAP)),
                    (false, _) => line.then(cell.clone()),
                }
            })
        };
        let aligned = join(true);
        if aligned.width(ascii) <= columns {
            out.push(aligned);
        } else {
            out.extend(join(false).wrap(columns, hang, ascii));
        }
    }
    out
}
