//! Secrets that a person types, or that a program sends on stdin: a terminal does not show them.

use std::io::{self, BufRead, IsTerminal};

use zeroize::Zeroizing;

/// One line of stdin, without its line end; on a terminal after this prompt, and without echo.
pub(super) fn line(prompt: &str) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    match io::stdin().is_terminal() {
        true => *line = rpassword::prompt_password(prompt)?,
        // The lines after it stay for others.
        false => drop(io::stdin().lock().read_line(&mut line)?),
    }
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}
