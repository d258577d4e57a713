//! The progress of a long verb: a bar on stderr, if that is a terminal.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// So few files are done at once.
const MANY: usize = 50;

/// Steps of a bar that shows a share.
const STEPS: u64 = 1000;

/// A bar that disappears when it is dropped.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// At the beginning.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("[{bar:30}] {percent:>3} % {msg}");
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("##-"),
        );
        Self(bar)
    }

    /// A bar if there are enough files for it to be useful.
    pub(super) fn for_files(count: usize) -> Self {
        match count > MANY {
            true => Self::new(),
            false => Self(ProgressBar::hidden()),
        }
    }

    /// So much is done, from 0 to 1.
    pub(super) fn set(&self, share: f64, message: impl FnOnce() -> String) {
        if !self.0.is_hidden() {
            self.0.set_message(message());
            self.0
                .set_position((share.clamp(0.0, 1.0) * STEPS as f64) as u64);
        }
    }

    /// Writes a text to stdout: where that is the terminal of the bar, while the bar is away.
    pub(super) fn print(&self, stdout: &mut impl Write, text: &str) -> io::Result<()> {
        if self.0.is_hidden() || !io::stdout().is_terminal() {
            return stdout.write_all(text.as_bytes());
        }
        self.suspend(|| {
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        })
    }

    /// Prints while the bar is away.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
