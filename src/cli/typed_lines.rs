//! Lines of stdin, while something else may end the wait for them.
//!
//! It takes no octet beyond a line's end, and leaves no reader behind: what follows, such as a password, is for
//! others.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use zeroize::Zeroizing;

/// A longer line is cut: no address is that long.
const LONGEST: usize = 64 << 10;
/// Between two looks. Not by epoll, which takes neither files nor /dev/null.
const PAUSE: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct TypedLines {
    /// `None` once it has ended.
    input: Option<File>,
    line: Zeroizing<Vec<u8>>,
}

impl TypedLines {
    /// Stdin's.
    pub(super) fn stdin() -> io::Result<Self> {
        Ok(Self {
            input: Some(input::stdin()?),
            line: Zeroizing::default(),
        })
    }

    /// The next line, without its end; never ready after the last one. What has been read of a line is kept if
    /// the wait is given up.
    pub(super) async fn next(&mut self) -> io::Result<Zeroizing<String>> {
        loop {
            let Some(mut input) = self.input.as_ref() else {
                return std::future::pending().await;
            };
            // A non-blocking read would change the mode of the terminal for everybody who has it.
            if !input::is_readable(input)? {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let mut byte = [0];
            if input.read(&mut byte)? == 0 {
                self.input = None;
                byte = *b"\n";
            }
            if byte == *b"\n" {
                let line = std::mem::take(&mut self.line);
                return Ok(Zeroizing::new(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.line.len() < LONGEST {
                self.line.push(byte[0]);
            }
        }
    }
}

#[cfg(unix)]
mod input {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    /// The standard input itself.
    pub(super) fn stdin() -> io::Result<File> {
        Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
    }

    /// Whether a read would not wait.
    pub(super) fn is_readable(file: &File) -> io::Result<bool> {
        let mut asked = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut asked, PollTimeout::ZERO)? > 0)
    }
}

#[cfg(windows)]
mod input {
    use std::fs::File;
    use std::io::{self, IsTerminal};
    use std::os::windows::io::AsHandle;

    /// The standard input itself.
    pub(super) fn stdin() -> io::Result<File> {
        Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
    }

    /// Windows does not say whether a read of a console would wait: nothing is typed there, only what else ends the wait
    /// does. What a program sends is there at once.
    pub(super) fn is_readable(file: &File) -> io::Result<bool> {
        Ok(!file.is_terminal())
    }
}
