//! The command line: output and exit codes.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::support::program::POPGATE;
const PATIENCE: Duration = Duration::from_secs(20);

fn popgate(args: &[&str]) -> Output {
    crate::support::program::popgate()
        .args(args)
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn exits(args: &[&str], code: i32) -> String {
    let output = popgate(args);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{args:?} printed:\n{}",
        printed(&output)
    );
    printed(&output)
}

/// A running `serve`, killed when dropped.
struct Serving {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    pop3: SocketAddr,
    admin: SocketAddr,
    _data: tempfile::TempDir,
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = crate::support::program::popgate()
            .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data.path())
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut address = |what: &str| loop {
            let mut line = String::new();
            assert!(
                stderr.read_line(&mut line).unwrap() > 0,
                "serve ended before it logged `listening {what}`"
            );
            if let Some(address) = line.trim_end().strip_prefix(&format!("listening {what} ")) {
                break address.parse().unwrap();
            }
        };
        let (pop3, admin) = (address("pop3"), address("admin"));
        Self {
            child,
            stderr,
            pop3,
            admin,
            _data: data,
        }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Reads the log up to the line that contains these words.
    fn log_until(&mut self, words: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert!(
                self.stderr.read_line(&mut line).unwrap() > 0,
                "no `{words}` in:\n{all}"
            );
            all.push_str(&line);
            if line.contains(words) {
                return all;
            }
        }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = connect(self.admin);
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(
        got.escape_ascii().to_string(),
        bytes.escape_ascii().to_string()
    );
}

fn accept(listener: &TcpListener) -> TcpStream {
    let stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A running `serve` with one session that has just been greeted.
fn serve_with_session() -> (Serving, TcpStream, TcpStream) {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    let serving = Serving::start(&["--upstream", &address, "--upstream-tls", "off"]);
    let mut client = connect(serving.pop3);
    let mut server = accept(&upstream);
    server.write_all(b"+OK\r\n").unwrap();
    expect(&mut client, b"+OK\r\n");
    (serving, client, server)
}

#[test]
fn help_and_version_exit_with_0_and_unknown_arguments_with_64() {
    assert!(exits(&["--help"], 0).contains("demo"));
    assert!(exits(&["--version"], 0).contains(env!("CARGO_PKG_VERSION")));
    assert!(exits(&["serve", "--help"], 0).contains("--upstream-tls"));
    exits(&["frobnicate"], 64);
    exits(&["serve", "--no-such-flag"], 64);
    exits(&[], 64);
}

#[test]
fn check_without_a_file_succeeds() {
    assert!(exits(&["check"], 0).starts_with("fine: "));
    assert!(
        exits(&["check", "--config", "no/such/file.toml"], 64)
            .contains("no/such/file.toml: cannot be read")
    );
}

#[test]
fn the_demo_prints_the_expected_summary() {
    let text = exits(&["demo", "--once"], 0);
    assert!(
        text.contains("6 tagged of 6 spam; 14 unchanged but for the headers"),
        "{text}"
    );
    assert!(text.contains("SEXTORTION"), "{text}");
    assert!(text.contains("/login?token="), "{text}");
}

/// Also by verbs that look into the data directory.
#[test]
fn the_configuration_of_the_working_directory_counts_unless_another_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[data]\ndir = \"here\"\n[filter]\ntag_at = 0\n";
    std::fs::write(folder.path().join("popgate.toml"), text).unwrap();
    std::fs::write(folder.path().join("other.toml"), "").unwrap();
    let run = |words: &[&str]| {
        let mut command = crate::support::program::popgate();
        let output = command.args(words).current_dir(&folder).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), printed)
    };
    for verb in [&["check"][..], &["serve"], &["scan", "."], &["history"]] {
        let (code, printed) = run(verb);
        assert_eq!(code, Some(64), "{printed}");
        assert!(
            printed.contains("popgate: settings from popgate.toml"),
            "{printed}"
        );
        assert!(
            printed.contains("popgate.toml:4: filter.tag_at: 0 is out of range"),
            "{printed}"
        );
    }
    let (code, printed) = run(&["check", "--config", "other.toml"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.contains("settings from"), "{printed}");
}

#[test]
fn serve_reports_every_problem_of_its_configuration() {
    let args = ["serve", "--listen", "127.0.0.1:0", "--admin", "off"];
    assert!(exits(&args, 64).contains("no upstream; write [[upstream]]"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("popgate.toml");
    let address = taken.local_addr().unwrap();
    std::fs::write(
        &file,
        format!(
            "[[listen]]\naddress = \"{address}\"\n[filter]\ntag_at = 0\n[admin]\naddress = \"\"\n"
        ),
    )
    .unwrap();
    let text = exits(&["serve", "--config", file.to_str().unwrap()], 64);
    for words in [
        &format!(
            "popgate.toml:2: listen[0].address: cannot listen on {address}: Address already in use"
        ),
        "choose another port",
        "popgate.toml:4: filter.tag_at: 0 is out of range",
        "no upstream; write [[upstream]]",
    ] {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
}

/// The other program may be about to exit: a service manager restarts after this exit code, but not after 64.
#[test]
fn a_port_in_use_exits_with_2() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let free = ["--upstream", "localhost", "--listen", "127.0.0.1:0"];
    let serve = |more: &[&str], code| exits(&[&["serve"], &free[..], more].concat(), code);
    let printed = serve(&["--listen", &taken, "--admin", "off"], 2);
    assert!(printed.contains("another program uses it"), "{printed}");
    assert!(printed.contains(&taken), "{printed}");
    let printed = serve(&["--admin", &taken], 2);
    assert!(printed.contains("admin.address"), "{printed}");
    // Together with a problem that has to be fixed it is 64.
    serve(&["--admin", &taken, "--rules", "/nonexistent"], 64);
}

/// Runs as an unprivileged user, which only root can switch to; some systems let every user bind port 110.
#[test]
#[cfg(target_os = "linux")]
fn a_privileged_port_is_refused_with_instructions() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if first.trim().parse::<u16>().unwrap() <= 110 {
        eprintln!("skipped: every user may bind port 110 on this system");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = folder.path().join("popgate");
    // By `cp`: a descriptor open for writing in this process could be inherited by another test's child, and
    // executing the copy would fail with ETXTBSY.
    let copied = Command::new("cp").arg(POPGATE).arg(&copy).status();
    assert!(copied.unwrap().success());
    let mut command = Command::new(&copy);
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:110",
        "--admin",
        "off",
        "--upstream",
        "localhost",
    ]);
    let root = String::from_utf8(Command::new("id").arg("-u").output().unwrap().stdout)
        .unwrap()
        .trim()
        == "0";
    if root {
        command.uid(65534).gid(65534);
    }
    let output = command.current_dir("/").output().unwrap();
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(64), "{text}");
    for words in ["setcap cap_net_bind_service", "systemd", "another port"] {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
}

/// A client would take it for the response to its next command, so that only the log has it.
#[test]
fn the_goodbye_of_a_server_that_closes_an_idle_session_is_in_the_log() {
    for goodbye in ["-ERR idle timeout\r\n", "-ERR idle timeout"] {
        let (mut serving, mut client, mut server) = serve_with_session();
        for (command, answer) in [
            (&b"USER ann\r\n"[..], &b"+OK\r\n"[..]),
            (b"PASS x\r\n", b"+OK in\r\n"),
        ] {
            client.write_all(command).unwrap();
            expect(&mut server, command);
            server.write_all(answer).unwrap();
            expect(&mut client, answer);
        }
        server.write_all(goodbye.as_bytes()).unwrap();
        drop(server);
        let mut rest = String::new();
        client.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        let log = serving.log_until("the server says something that answers no command");
        let line = log.lines().last().unwrap();
        assert!(line.contains("text=\"-ERR idle timeout\""), "{line}");
        // It is no failure of the session.
        let log = serving.log_until("session ended");
        assert!(!log.contains("WARN"), "{log}");
    }
}

#[test]
fn serve_logs_its_addresses_and_stops_on_a_signal() {
    for signal in ["-TERM", "-INT"] {
        let mut serving = Serving::start(&["--upstream", "127.0.0.1:1", "--upstream-tls", "off"]);
        assert!(serving.get("/healthz").starts_with("HTTP/1.1 200 "));
        assert!(serving.get("/readyz").starts_with("HTTP/1.1 200 "));
        assert!(serving.get("/nothing").starts_with("HTTP/1.1 404 "));
        let mut client = connect(serving.pop3);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert!(
            text.starts_with("-ERR [SYS/TEMP] popgate cannot reach"),
            "{text}"
        );
        let metrics = serving.get("/metrics");
        for line in [
            "popgate_connections_total{listener=\"pop3\",outcome=\"accepted\"} 1",
            "popgate_upstream_errors_total{kind=\"connect\",upstream=\"default\"} 1",
            "# TYPE popgate_filter_seconds histogram",
            "# TYPE process_resident_memory_bytes gauge",
        ] {
            assert!(metrics.contains(line), "no `{line}` in:\n{metrics}");
        }
        serving.signal(signal);
        assert_eq!(serving.exit_code(), Some(0));
    }
}

#[test]
fn a_reload_applies_everything_or_nothing() {
    let (first, second) = (
        TcpListener::bind("127.0.0.1:0").unwrap(),
        TcpListener::bind("127.0.0.1:0").unwrap(),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("popgate.toml");
    let write = |upstream: &TcpListener, more: &str| {
        let port = upstream.local_addr().unwrap().port();
        let text =
            format!("[[upstream]]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\n{more}");
        std::fs::write(&file, text).unwrap();
    };
    write(&first, "");
    let mut serving = Serving::start(&["--config", file.to_str().unwrap()]);
    let greet = |serving: &Serving, upstream: &TcpListener, greeting: &[u8]| {
        let mut client = connect(serving.pop3);
        let mut server = accept(upstream);
        server.write_all(greeting).unwrap();
        expect(&mut client, greeting);
        (client, server)
    };
    let (mut old_client, mut old_server) = greet(&serving, &first, b"+OK first\r\n");

    write(&second, "[filter]\ntag_at = \"five\"\n");
    serving.signal("-HUP");
    let log = serving.log_until("nothing was reloaded");
    assert!(
        log.contains("popgate.toml:6: filter.tag_at: must be a number"),
        "{log}"
    );
    greet(&serving, &first, b"+OK still first\r\n");

    assert!(
        serving
            .get("/metrics")
            .contains("popgate_last_reload_successful 0")
    );

    // One invalid line in a list is enough.
    let rules = folder.path().join("rules.d");
    std::fs::create_dir_all(rules.join("lists")).unwrap();
    std::fs::write(rules.join("lists/shorteners.txt"), "two words\n").unwrap();
    write(&second, &format!("[filter]\nrules = {rules:?}\n"));
    serving.signal("-HUP");
    let log = serving.log_until("nothing was reloaded");
    assert!(
        log.contains("lists/shorteners.txt:1: `two words` is more than one entry"),
        "{log}"
    );
    greet(&serving, &first, b"+OK still first\r\n");

    let waiting = "[process]\nallow_root = true\n\
        [log]\nformat = \"json\"\n[limits]\nsessions = 7\n[timeouts]\ndrain = \"9s\"\n";
    write(&second, waiting);
    serving.signal("-HUP");
    let log = serving.log_until("reloaded; new sessions use the new settings");
    for words in [
        "[process] has changed, and waits for a restart",
        "[log] format has changed, and waits for a restart",
        "limits.sessions has changed, and waits for a restart",
        "timeouts.drain has changed, and waits for a restart",
    ] {
        assert!(log.contains(words), "no `{words}` in:\n{log}");
    }
    greet(&serving, &second, b"+OK second\r\n");
    let metrics = serving.get("/metrics");
    for line in [
        "popgate_reloads_total{outcome=\"ok\"} 1",
        "popgate_reloads_total{outcome=\"refused\"} 2",
        "popgate_last_reload_successful 1",
        "popgate_limit{limit=\"sessions\"} 5000",
    ] {
        assert!(metrics.contains(line), "no `{line}` in:\n{metrics}");
    }
    // A session from before the reload continues.
    old_client.write_all(b"NOOP\r\n").unwrap();
    expect(&mut old_server, b"NOOP\r\n");
    old_server.write_all(b"+OK\r\n").unwrap();
    expect(&mut old_client, b"+OK\r\n");
}

#[test]
fn stopping_completes_the_response_in_progress() {
    let (mut serving, mut client, mut server) = serve_with_session();
    client.write_all(b"LIST\r\n").unwrap();
    expect(&mut server, b"LIST\r\n");
    server.write_all(b"+OK\r\n1 100\r\n").unwrap();
    expect(&mut client, b"+OK\r\n1 100\r\n");
    serving.signal("-TERM");
    serving.log_until("stopping");
    assert!(serving.get("/readyz").starts_with("HTTP/1.1 503 "));
    server.write_all(b"2 200\r\n.\r\n").unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"2 200\r\n.\r\n");
    assert_eq!(serving.exit_code(), Some(0));
}

#[test]
fn scan_explains_its_verdicts_and_sets_the_exit_code() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/mail/");
    let ham = format!("{folder}01-personal.eml");
    let spam = format!("{folder}12-sextortion.eml");
    assert!(exits(&["scan", &ham], 0).contains(": ham "));
    let text = exits(&["scan", &ham, &spam], 1);
    assert!(
        text.contains("SEXTORTION: The text threatens to publish"),
        "{text}"
    );
    assert!(text.contains("2 messages: 1 spam, 1 ham"), "{text}");
    assert!(exits(&["scan", &ham, "no/such/file"], 2).contains("no/such/file"));
    let json = exits(&["scan", "--json", &spam], 1);
    let value: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!(value["path"], spam.as_str());
    assert_eq!(
        (&value["verdict"], &value["action"]),
        (&"spam".into(), &"tag".into())
    );
    assert!(value["probability"].as_f64().unwrap() > 0.5);
    assert!(value["score"].as_f64().unwrap() >= value["tag_at"].as_f64().unwrap());
    assert!(
        value["rules"][0]["hit"]
            .as_str()
            .is_some_and(|hit| !hit.is_empty())
    );
    let json = exits(&["scan", "--json", "--no-classifier", &spam], 1);
    let alone: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    assert_eq!(alone["probability"], serde_json::Value::Null);
    assert!(alone["score"].as_f64().unwrap() < value["score"].as_f64().unwrap());
    assert!(value["bytes"].as_u64() == value["bytes_judged"].as_u64() && value["micros"].is_u64());
}

/// Writes a configuration whose upstream is the test's listener, followed by more lines; returns its path.
fn write_config(folder: &std::path::Path, upstream: &TcpListener, more: &str) -> String {
    let config = folder.join("popgate.toml");
    let port = upstream.local_addr().unwrap().port();
    let text = format!(
        "[[upstream]]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\n[data]\ndir = \"data\"\n{more}"
    );
    std::fs::write(&config, text).unwrap();
    config.to_str().unwrap().to_owned()
}

#[test]
fn the_end_of_a_session_is_logged_as_one_json_line() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), &upstream, "[log]\nformat = \"json\"\n");
    let mut serving = Serving::start(&["--config", &config]);
    let mut client = connect(serving.pop3);
    let (mut server, _) = upstream.accept().unwrap();
    server.write_all(b"+OK\r\n").unwrap();
    expect(&mut client, b"+OK\r\n");
    let mut asked = BufReader::new(server.try_clone().unwrap());
    for (command, answer) in [
        ("USER ann@example.net", &b"+OK\r\n"[..]),
        ("PASS geheimx", b"-ERR no\r\n"),
        ("USER ann@example.net", b"+OK\r\n"),
        ("PASS geheim", b"+OK\r\n"),
        ("RETR 1", b"+OK\r\nSubject: private\r\n\r\nbody\r\n.\r\n"),
        ("QUIT", b"+OK\r\n"),
    ] {
        write!(client, "{command}\r\n").unwrap();
        let mut line = String::new();
        asked.read_line(&mut line).unwrap();
        // What popgate remembers of mailboxes is by unique-ids, which this server has not.
        if line == "UIDL\r\n" {
            server.write_all(b"-ERR no\r\n").unwrap();
            line.clear();
            asked.read_line(&mut line).unwrap();
        }
        assert_eq!(line, format!("{command}\r\n"));
        server.write_all(answer).unwrap();
        expect(&mut client, answer);
    }
    let mut log = serving.log_until("login denied by the server");
    let line = log.lines().last().unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["mechanism"], "userpass", "{line}");
    assert_eq!(line["mailbox"].as_str().map(str::len), Some(12), "{line}");
    assert!(
        line["client"].as_str().unwrap().starts_with("127.0.0.1:"),
        "{line}"
    );
    log.push_str(&serving.log_until("session ended"));
    let line = log.lines().last().unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["upstream"], "default", "{line}");
    assert!(
        line["seconds"].is_number() && line["octets_to_client"].is_number(),
        "{line}"
    );
    assert_eq!(line["mailbox"].as_str().map(str::len), Some(12), "{line}");
    for secret in ["ann@", "geheim", "private", "body"] {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
}

#[test]
fn changed_rules_are_applied_and_invalid_ones_are_not() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    let rule = |id: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\ndescription = \"a test\"\nscore = 1.0\nwhere = \"subject\"\nwords = [\"zzz\"]\n\
             examples.hit = [\"zzz\"]\nexamples.miss = [\"y\"]\n"
        )
    };
    std::fs::write(rules.join("own.toml"), rule("OWN_ONE")).unwrap();
    let config = write_config(folder.path(), &upstream, "[filter]\nrules = \"rules\"\n");
    let mut serving = Serving::start(&["--config", &config]);
    let count = |serving: &Serving| {
        let metrics = serving.get("/metrics");
        let line = metrics.lines().find(|it| it.starts_with("popgate_rules{"));
        line.unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .parse::<u32>()
            .unwrap()
    };
    let before = count(&serving);
    std::fs::write(rules.join("own.toml"), rule("OWN_ONE") + &rule("OWN_TWO")).unwrap();
    serving.log_until("reloaded; new sessions");
    assert_eq!(count(&serving), before + 1);
    std::fs::write(rules.join("own.toml"), "[[rule]]\nid = 3\n").unwrap();
    serving.log_until("nothing was reloaded");
    assert_eq!(count(&serving), before + 1);
    let metrics = serving.get("/metrics");
    for line in [
        "popgate_reloads_total{outcome=\"ok\"} 1",
        "popgate_reloads_total{outcome=\"refused\"} 1",
        "popgate_limit{limit=\"sessions\"} 5000",
    ] {
        assert!(metrics.contains(line), "no `{line}` in:\n{metrics}");
    }
}

#[test]
fn a_second_stop_signal_closes_all_sessions() {
    let (mut serving, mut client, mut server) = serve_with_session();
    client.write_all(b"LIST\r\n").unwrap();
    expect(&mut server, b"LIST\r\n");
    serving.signal("-TERM");
    serving.log_until("stopping");
    serving.signal("-INT");
    serving.log_until("closing running sessions at once");
    assert_eq!(serving.exit_code(), Some(0));
}

#[test]
fn health_reports_readiness() {
    let serving = Serving::start(&["--upstream", "127.0.0.1:1", "--upstream-tls", "off"]);
    let admin = serving.admin.to_string();
    assert_eq!(exits(&["health", "--admin", &admin], 0), "ready\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("popgate.toml");
    std::fs::write(&file, format!("[admin]\naddress = \"{admin}\"\n")).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(exits(&["health", "--config", file], 0), "ready\n");
    drop(serving);
    let printed = exits(&["health", "--admin", &admin], 2);
    assert!(printed.contains(&admin), "{printed}");
    let printed = exits(&["health", "--config", "/nonexistent/popgate.toml"], 64);
    assert!(printed.contains("cannot be read"), "{printed}");
}

#[test]
fn top_shows_a_running_popgate() {
    let (serving, _client, _server) = serve_with_session();
    let admin = serving.admin.to_string();
    let shown = exits(&["top", "--once", "--interval", "1", "--admin", &admin], 0);
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        shown.starts_with(&format!("popgate   {version}, up ")),
        "{shown}"
    );
    assert!(shown.contains("\nclients   sessions 1 "), "{shown}");
    let default = shown.lines().find(|line| line.starts_with("  default "));
    let sessions = default.and_then(|line| line.split_whitespace().nth(1));
    assert_eq!(sessions, Some("1"), "{shown}");
    drop(serving);
    let printed = exits(&["top", "--once", "--admin", &admin], 2);
    assert!(printed.contains("--admin"), "{printed}");
}

#[test]
fn man_pages_and_completions_are_generated() {
    let page = exits(&["man"], 0);
    assert!(page.contains(".TH popgate 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    exits(&["man", "--output", folder.path().to_str().unwrap()], 0);
    assert!(folder.path().join("popgate-serve.1").exists());
    assert!(exits(&["completions", "bash"], 0).contains("_popgate"));
}

/// Covers the row `sessions` of deploy/refusals.md.
#[test]
fn a_connection_beyond_limits_sessions_is_refused_with_a_reason() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), &upstream, "[limits]\nsessions = 1\n");
    let mut serving = Serving::start(&["--config", &config]);
    let mut first = connect(serving.pop3);
    let (mut server, _) = upstream.accept().unwrap();
    server.write_all(b"+OK ready\r\n").unwrap();
    expect(&mut first, b"+OK ready\r\n");
    let mut second = connect(serving.pop3);
    expect(
        &mut second,
        b"-ERR [SYS/TEMP] popgate has too many sessions; try again later\r\n",
    );
    serving.log_until("limits.sessions is reached");
    let metrics = serving.get("/metrics");
    for line in [
        "popgate_refused_total{reason=\"sessions\"} 1",
        "popgate_connections_total{listener=\"pop3\",outcome=\"refused\"} 1",
        "popgate_sessions_active{listener=\"pop3\"} 1",
    ] {
        assert!(metrics.contains(line), "no `{line}` in:\n{metrics}");
    }
    serving.signal("-TERM");
    drop((first, server));
    assert_eq!(serving.exit_code(), Some(0));
}

#[test]
fn a_server_writes_no_core_dumps() {
    let started = crate::support::program::popgate()
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "off"])
        .args(["--upstream", "127.0.0.1:9", "--upstream-tls", "off"])
        .stderr(Stdio::piped())
        .spawn();
    let mut server = started.unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    while !lines.next().unwrap().unwrap().starts_with("listening") {}
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"]);
}
