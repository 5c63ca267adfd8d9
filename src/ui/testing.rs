//! A piece of paper in place of the terminal, for the tests of this room.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::terminal::{Terminal, Width};

/// What was written to both streams.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paper {
    pub(crate) out: Sheet,
    pub(crate) err: Sheet,
}

/// The lines that are visible on one stream, with a cursor as on a terminal 200 columns wide.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sheet(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    row: usize,
    /// What every write must answer with.
    broken: Option<io::ErrorKind>,
}

impl Sheet {
    /// What can be read on it now.
    pub(crate) fn read(&self) -> String {
        let sheet = self.0.lock().unwrap();
        let lines: Vec<&str> = sheet.lines.iter().map(|line| line.trim_end_matches(' ')).collect();
        lines.join("\n").trim_end_matches('\n').to_owned()
    }

    /// Makes every later write fail.
    pub(crate) fn break_with(&self, kind: io::ErrorKind) {
        self.0.lock().unwrap().broken = Some(kind);
    }

    fn put(&self, text: &str) {
        let mut sheet = self.0.lock().unwrap();
        for (number, part) in text.split('\n').enumerate() {
            if number > 0 {
                sheet.row += 1;
            }
            let full = |line: &String| console::measure_text_width(line) >= 200;
            // Drawing in place fills lines to the edge; only the next character wraps.
            if !part.is_empty() && sheet.lines.get(sheet.row).is_some_and(full) {
                sheet.row += 1;
            }
            let row = sheet.row;
            if sheet.lines.len() <= row {
                sheet.lines.resize(row + 1, String::new());
            }
            sheet.lines[row].push_str(part);
        }
    }
}

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.0.lock().unwrap().broken {
            return Err(kind.into());
        }
        self.put(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl indicatif::TermLike for Sheet {
    fn width(&self) -> u16 {
        200
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        let mut sheet = self.0.lock().unwrap();
        sheet.row = sheet.row.saturating_sub(n);
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.lock().unwrap().row += n;
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(&format!("{text}\n"));
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let mut sheet = self.0.lock().unwrap();
        let row = sheet.row;
        if let Some(line) = sheet.lines.get_mut(row) {
            line.clear();
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe of a given width that shows Unicode and no colour.
pub(crate) fn pipe(columns: usize) -> Terminal {
    Terminal {
        stdin_tty: false,
        stdout_tty: false,
        stderr_tty: false,
        columns,
        width: Width::Given,
        moves: true,
        stdout_color: false,
        stderr_color: false,
        color_given: false,
        ascii: false,
        ci: false,
    }
}

/// A terminal of that kind.
pub(crate) fn tty(columns: usize) -> Terminal {
    Terminal { stdin_tty: true, stdout_tty: true, stderr_tty: true, ..pipe(columns) }
}
