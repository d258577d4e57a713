//! The log of a running popgate: a reader of stderr that hangs delays nobody, and nothing is lost that fits the queue.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};

const PATIENCE: Duration = Duration::from_secs(20);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn a_hanging_log_reader_delays_neither_mail_nor_health() {
    // Much more than the pipe takes.
    const SESSIONS: usize = 100;
    let folder = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = closed.local_addr().unwrap().to_string();
    drop(closed);
    let mut child = crate::support::program::popgate()
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args([
            "--upstream",
            &upstream,
            "--upstream-tls",
            "off",
            "--data-dir",
        ])
        .arg(folder.path())
        .env("POPGATE_LOG", "debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = child.stderr.take().unwrap();
    fcntl(&stderr, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let mut stderr = BufReader::with_capacity(1, stderr);
    let mut address = |protocol: &str| -> SocketAddr {
        let listening = format!("listening {protocol} ");
        loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0);
            if let Some(address) = line.trim_end().strip_prefix(&listening) {
                return address.parse().unwrap();
            }
        }
    };
    let (pop3, admin) = (address("pop3"), address("admin"));
    for _ in 0..SESSIONS {
        let mut answer = String::new();
        connect(pop3).read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("-ERR [SYS/TEMP] "), "{answer}");
    }
    for path in ["/healthz", "/metrics"] {
        let mut stream = connect(admin);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let lost = answer.contains("popgate_log_lines_lost_total 0");
        assert!(path == "/healthz" || lost, "{answer}");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(pid).status().unwrap().success());
    // It reads again: all is there, the last lines included, and in order.
    let mut log = String::new();
    stderr.read_to_string(&mut log).unwrap();
    assert_eq!(log.matches("session ended").count(), SESSIONS, "{log}");
    let last = log.rfind("session ended").unwrap();
    assert!(log[last..].contains("stopping: no new sessions"), "{log}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
