//! A line on the terminal that tells how something goes.

use std::io::{IsTerminal, Write, stderr};

/// Returns to the begin of the line and clears it.
const CLEAR: &str = "\r\x1b[K";

/// How many marks the bar has.
const BAR_MARKS: u64 = 24;

/// What is shown at most once for so many bytes where nobody knows how many
/// there are.
const STEP_BYTES: u64 = 4 << 20;

/// The line, which each sight writes over.
#[derive(Debug, Default)]
pub struct Line {
    shown: bool,
}

impl Line {
    /// Shows a text. A terminal that takes nothing is no reason to stop.
    pub fn show(&mut self, text: &str) {
        let mut terminal = stderr().lock();
        let _ = write!(terminal, "{CLEAR}{text}");
        let _ = terminal.flush();
        self.shown = true;
    }

    /// Leaves nothing of it.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let mut terminal = stderr().lock();
            let _ = write!(terminal, "{CLEAR}");
            let _ = terminal.flush();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A bar on that line, where stderr is a terminal.
#[derive(Debug)]
pub struct Bar {
    line: Option<Line>,
    /// How far it was when it was shown last.
    shown: Option<u64>,
}

impl Bar {
    /// A bar, if there is a terminal to show it on.
    #[must_use]
    pub fn new() -> Self {
        Self {
            line: stderr().is_terminal().then(Line::default),
            shown: None,
        }
    }

    /// Shows how far it is, when that differs visibly from before: `done` of
    /// `total`, or of nobody knows how many, and what `words` say.
    pub fn show(&mut self, done: u64, total: Option<u64>, words: impl FnOnce() -> String) {
        let Some(line) = &mut self.line else {
            return;
        };
        let step = match total {
            Some(total) => part(done, total, 1000),
            None => done / STEP_BYTES,
        };
        if self.shown.replace(step) == Some(step) {
            return;
        }
        let bar = total.map_or_else(String::new, |total| drawn(done, total));
        line.show(&format!("{bar}{}", words()));
    }

    /// Leaves nothing of it.
    pub fn clear(&mut self) {
        if let Some(line) = &mut self.line {
            line.clear();
        }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

/// How many of `whole` parts are done.
fn part(done: u64, total: u64, whole: u64) -> u64 {
    done.min(total).saturating_mul(whole) / total.max(1)
}

fn drawn(done: u64, total: u64) -> String {
    let marks = part(done, total, BAR_MARKS);
    let bar: String = (0..BAR_MARKS)
        .map(|mark| if mark < marks { '#' } else { '.' })
        .collect();
    format!("[{bar}] {:3} %  ", part(done, total, 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_grows_to_its_end_and_never_beyond() {
        assert_eq!(drawn(0, 0), "[........................]   0 %  ");
        assert_eq!(drawn(1, 2), "[############............]  50 %  ");
        assert_eq!(drawn(9, 2), "[########################] 100 %  ");
        let half = "[############............]  50 %  ";
        assert_eq!(drawn(1 << 53, 1 << 54), half);
    }
}
