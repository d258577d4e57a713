//! Gives a browser of this user what other users must not see, by an address that they may see.
//!
//! In: what the browser shall get, and how it is started; out: that it has got it. A socket on this machine waits for one
//! request of a process of this user; the kernel says whose a connection is.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::html::escaped;

/// What the browser gets.
pub(super) enum Answer<'a> {
    /// It goes there.
    Address(&'a str),
    /// It shows this.
    Text(&'a str),
}

/// How often the browser's starter is looked at, in milliseconds.
const STEP: u16 = 100;
/// How long a connection may say nothing: browsers open some in advance.
const SILENCE: Duration = Duration::from_secs(1);
/// The longest request.
const LONGEST: u64 = 16 << 10;

/// Starts a browser, and waits until it has the answer.
///
/// # Errors
/// If it cannot be started, fails, or does not ask within the limit.
pub(super) fn hand_over(
    answer: &Answer<'_>,
    start: impl FnOnce(&str) -> io::Result<Child>,
    is_of_this_user: impl Fn([SocketAddrV4; 2]) -> bool,
    limit: Duration,
) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let host = listener.local_addr()?.to_string();
    let begin = Instant::now();
    let mut starter = start(&format!("http://{host}/"))?;
    while begin.elapsed() < limit {
        let mut waiting = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waiting, PollTimeout::from(STEP))? == 0 {
            match starter.try_wait()? {
                Some(status) if !status.success() => {
                    return Err(io::Error::other("no browser could be opened"));
                }
                _ => continue,
            }
        }
        let (stream, from) = listener.accept()?;
        let (SocketAddr::V4(client), SocketAddr::V4(server)) = (from, stream.local_addr()?) else {
            continue;
        };
        // One that fails is closed, and the next one may be the browser's.
        if is_of_this_user([client, server]) && serve(&stream, &host, answer).unwrap_or(false) {
            return Ok(());
        }
    }
    Err(io::Error::other("no browser has asked for the page"))
}

/// Answers a request; whether it was the one that is waited for. A page of another site knows neither the port nor, by
/// another name for this machine, the host.
fn serve(mut stream: &TcpStream, host: &str, answer: &Answer<'_>) -> io::Result<bool> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let mut lines = BufReader::new(stream.take(LONGEST)).lines();
    let is_page = lines
        .next()
        .transpose()?
        .is_some_and(|it| it.starts_with("GET / HTTP/1."));
    let mut is_here = false;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        let field = line.split_once(':');
        is_here |= field
            .is_some_and(|(name, value)| name.eq_ignore_ascii_case("host") && value.trim() == host);
    }
    let is_wanted = is_page && is_here;
    let text = match (is_wanted, answer) {
        (false, _) => response("404 Not Found", "", "not here"),
        (true, Answer::Address(address)) => {
            response("303 See Other", &format!("Location: {address}\r\n"), "")
        }
        (true, Answer::Text(text)) => response("200 OK", "", text),
    };
    stream.write_all(text.as_bytes())?;
    Ok(is_wanted)
}

fn response(status: &str, more: &str, text: &str) -> String {
    let body = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>popgate</title><h1>popgate</h1><p>{}</p>\n",
        escaped(text)
    );
    format!(
        "HTTP/1.1 {status}\r\n{more}Content-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The user whose process has the client's end of a connection, from `/proc/net/tcp` (proc(5)).
pub(super) fn owner(table: &str, [client, server]: [SocketAddrV4; 2]) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    let end = |it: SocketAddrV4| {
        let address = u32::from_ne_bytes(it.ip().octets());
        format!("{address:08X}:{:04X}", it.port())
    };
    let (client, server) = (end(client), end(server));
    table.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, here, there, state, _, _, _, user, ..] = words[..] else {
            return None;
        };
        // One that was closed is nobody's.
        let is_it = here == client && there == server && state == ESTABLISHED;
        is_it.then(|| user.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn ask(address: &str, request: &str) -> String {
        let host = address.strip_prefix("http://").unwrap();
        let host = host.strip_suffix('/').unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let request = request.replace("HOST", host);
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        // One that is not answered is reset.
        let _ = stream.read_to_string(&mut text);
        text
    }

    /// What clients of the address get, one after another; each is this user's or not.
    fn answers(answer: &Answer<'_>, requests: &[(&'static str, bool)]) -> Vec<String> {
        let (tell, told) = mpsc::channel();
        let turns: Vec<_> = requests.iter().map(|it| it.0).collect();
        let begin = move |address: &str| {
            let address = address.to_owned();
            thread::spawn(move || {
                for request in turns {
                    tell.send(ask(&address, request)).unwrap();
                }
            });
            Command::new("true").spawn()
        };
        let whose = std::cell::RefCell::new(requests.iter().map(|it| it.1));
        let is_of_this_user = |_| whose.borrow_mut().next().unwrap();
        hand_over(answer, begin, is_of_this_user, PATIENCE).unwrap();
        told.iter().collect()
    }

    #[test]
    fn only_a_browser_of_this_user_gets_the_address() {
        let address = Answer::Address("http://127.0.0.1:9110/login?token=a");
        let good = "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n";
        let found = answers(
            &address,
            &[
                (good, false),
                ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", true),
                ("GET /favicon.ico HTTP/1.1\r\nHost: HOST\r\n\r\n", true),
                (good, true),
            ],
        );
        let (last, others) = found.split_last().unwrap();
        assert_eq!(others.len(), 3);
        for other in others {
            assert!(!other.contains("token"), "{other}");
        }
        assert!(last.starts_with("HTTP/1.1 303 See Other\r\n"), "{last}");
        assert!(last.contains("\r\nLocation: http://127.0.0.1:9110/login?token=a\r\n"));
    }

    #[test]
    fn a_text_is_shown_as_text() {
        let request = "GET / HTTP/1.1\r\nhost: HOST\r\n\r\n";
        let found = answers(&Answer::Text("no <popgate> & none"), &[(request, true)]);
        assert!(found[0].starts_with("HTTP/1.1 200 OK\r\n"), "{}", found[0]);
        assert!(found[0].contains("<p>no &lt;popgate&gt; &amp; none</p>"));
    }

    #[test]
    fn a_starter_that_fails_ends_it() {
        let begin = |_: &str| Command::new("false").spawn();
        let address = Answer::Address("http://127.0.0.1/");
        let failed = hand_over(&address, begin, |_| true, PATIENCE).unwrap_err();
        assert_eq!(failed.to_string(), "no browser could be opened");
        let failed = hand_over(&address, begin, |_| true, Duration::ZERO).unwrap_err();
        assert_eq!(failed.to_string(), "no browser has asked for the page");
    }

    #[test]
    fn the_kernel_says_whose_a_connection_is() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let (SocketAddr::V4(here), SocketAddr::V4(there)) =
            (client.local_addr().unwrap(), server.local_addr().unwrap())
        else {
            panic!("not IPv4");
        };
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let own = nix::unistd::geteuid().as_raw();
        assert_eq!(owner(&table, [here, there]), Some(own));
        let other = SocketAddrV4::new(*here.ip(), 1);
        assert_eq!(owner(&table, [other, there]), None);
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1F90 0100007F:0050 06 00000000:00000000 03:00000EA7 00000000     0        0 0 3 0\n";
        let ends = ["127.0.0.1:8080", "127.0.0.1:80"].map(|it| it.parse().unwrap());
        assert_eq!(owner(table, ends), None);
    }
}
