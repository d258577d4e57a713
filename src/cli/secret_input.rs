//! Secrets that a person types, or that a program sends on stdin: a terminal does not show them.

use std::io::{self, BufRead, IsTerminal};

use zeroize::Zeroizing;

/// As long as it lives, the terminal that stdin is does not show what is typed: a password may be typed before
/// it is asked for.
pub(super) struct Hidden(terminal::Mode);

impl Hidden {
    /// Begins; `None` if stdin is no terminal.
    pub(super) fn begin() -> Option<Self> {
        terminal::hide().map(Self)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        terminal::restore(&self.0);
    }
}

/// One line of stdin, without its line end; on a terminal after this prompt, and without echo.
pub(super) fn line(prompt: &str) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    // Before the prompt, which rpassword shows first.
    let _hidden = Hidden::begin();
    match io::stdin().is_terminal() {
        true => *line = rpassword::prompt_password(prompt)?,
        // The lines after it stay for others.
        false => drop(io::stdin().lock().read_line(&mut line)?),
    }
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

#[cfg(unix)]
mod terminal {
    use std::io;

    use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

    pub(super) type Mode = Termios;

    /// Stops showing what is typed; returns the mode before.
    pub(super) fn hide() -> Option<Mode> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSANOW, &hidden).ok()?;
        Some(before)
    }

    pub(super) fn restore(mode: &Mode) {
        // The terminal may have gone.
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, mode);
    }
}

/// Windows shows what is typed when it is read, and rpassword reads without that.
#[cfg(windows)]
mod terminal {
    pub(super) type Mode = ();

    pub(super) fn hide() -> Option<Mode> {
        None
    }

    pub(super) fn restore((): &Mode) {}
}
