//! Consent and login from end to end: the built `popgate oauth add` and `serve`, a provider that checks what it
//! gets, the test as the person's browser and as the mail program.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use tokio::net::TcpListener;

use crate::support::identity_provider::{
    CLIENT, IdentityProvider, Manners, Person, SECRET, get, response,
};
use crate::support::{Peer, shown};

use crate::support::program::{FOLDERS, NO_HOME, POPGATE};

/// A folder with a configuration, the mail server that it names, and the provider.
struct Setup {
    folder: tempfile::TempDir,
    provider: IdentityProvider,
    mail: TcpListener,
    config: PathBuf,
}

async fn setup(manners: Manners, more: &str) -> Setup {
    let provider = IdentityProvider::start(manners);
    let mail = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    crate::support::authority::write_key(&folder.path().join("secret"), &format!("{SECRET}\n"));
    let (authorize, token) = (provider.url("/authorize"), provider.url("/token"));
    let query = match manners {
        Manners::Google => "?access_type=offline&prompt=consent",
        Manners::Microsoft => "",
    };
    let scope = match manners {
        Manners::Google => "https://mail.google.com/",
        Manners::Microsoft => "https://outlook.office.com/POP.AccessAsUser.All offline_access",
    };
    let ca = provider.ca_file();
    let mut text = format!(
        "[[upstream]]\nname = \"office\"\nhost = \"localhost\"\nport = {port}\nca_file = \"{ca}\"\n\
         [upstream.oauth]\nauthorization_url = \"{authorize}{query}\"\ntoken_url = \"{token}\"\n\
         client_id = \"{CLIENT}\"\nclient_secret_file = \"secret\"\nca_file = \"{ca}\"\n",
        port = mail.local_addr().unwrap().port(),
        ca = ca.display(),
    );
    if !more.contains("scope") {
        let _ = writeln!(text, "scope = \"{scope}\"");
    }
    let _ = write!(
        text,
        "{more}\n[data]\ndir = \"data\"\n[admin]\naddress = \"\"\n"
    );
    let config = folder.path().join("popgate.toml");
    std::fs::write(&config, text).unwrap();
    Setup {
        folder,
        provider,
        mail,
        config,
    }
}

impl Setup {
    fn add_args(&self) -> Vec<String> {
        let config = self.config.to_str().unwrap();
        let args = [
            "oauth",
            "add",
            "--user",
            "ann@example.net",
            "--config",
            config,
        ];
        args.map(str::to_owned).to_vec()
    }

    fn add(&self, more: &[&str]) -> Adding {
        let mut child = crate::support::program::popgate()
            .args(self.add_args())
            .args(more)
            .env_remove("POPGATE_PASSWORD")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Adding {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Logs in through `popgate serve` with this password; returns the response and what the log says.
    async fn log_in(&self, user: &str, password: &str, accepts: usize) -> (String, String) {
        let mut serving = Serving::start(&self.config);
        let mut received = String::new();
        for _ in 0..accepts.max(1) {
            let mut client = Peer::connect(serving.address).await;
            client.line().await;
            client.send(format!("USER {user}\r\n").as_bytes()).await;
            client.expect(b"+OK\r\n").await;
            client.send(format!("PASS {password}\r\n").as_bytes()).await;
            if accepts > 0 {
                self.provider
                    .mail_login(&self.mail, user, b"+OK welcome\r\n")
                    .await;
            }
            received = shown(&client.line().await);
        }
        (received, serving.log())
    }
}

/// `popgate oauth add`, running.
struct Adding {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Adding {
    /// The page that it asks the person to open, and where the browser will end.
    fn page(&mut self) -> (String, String) {
        let (mut page, mut line) = (String::new(), String::new());
        while self.stdout.read_line(&mut line).unwrap() > 0 {
            if line.starts_with("https://") {
                line.trim_end().clone_into(&mut page);
            }
            if let Some((_, address)) = line.split_once("it begins with ") {
                return (page, address.trim_end_matches([':', '\n']).to_owned());
            }
            line.clear();
        }
        panic!("no page; it says {}", self.ended("").1);
    }

    /// Sends the rest of the input; returns the exit code and all that it still prints.
    fn ended(&mut self, input: &str) -> (Option<i32>, String) {
        if let Some(mut stdin) = self.stdin.take() {
            // It may have ended already.
            let _ = stdin.write_all(input.as_bytes());
        }
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut printed).unwrap();
        (self.child.wait().unwrap().code(), printed)
    }
}

impl Drop for Adding {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `popgate serve`, killed when dropped.
struct Serving {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    address: SocketAddr,
}

impl Serving {
    fn start(config: &std::path::Path) -> Self {
        let mut child = crate::support::program::popgate()
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut serving = Self {
            child,
            stderr,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut all = String::new();
        loop {
            let start = all.len();
            assert!(serving.stderr.read_line(&mut all).unwrap() > 0, "{all}");
            if let Some(address) = all[start..].strip_prefix("listening pop3 ") {
                serving.address = address.trim_end().parse().unwrap();
                return serving;
            }
        }
    }

    fn log(&mut self) -> String {
        let _ = self.child.kill();
        let mut all = String::new();
        self.stderr.read_to_string(&mut all).unwrap();
        all
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the browser shows at an address of popgate's.
async fn open(address: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    let port = url.port().unwrap();
    let mut peer = Peer::connect(([127, 0, 0, 1], port).into()).await;
    let query = url.query().map_or_else(String::new, |it| format!("?{it}"));
    get(&mut peer, &format!("{}{query}", url.path())).await
}

#[tokio::test]
async fn a_consent_in_a_browser_ends_in_a_login() {
    let setup = setup(Manners::Google, "").await;
    let mut adding = setup.add(&[]);
    let (page, redirect) = adding.page();
    // What else connects does not end the wait: an early connection, an icon, a scanner, a guess.
    let _early = Peer::connect(redirect[7..].parse().unwrap()).await;
    assert!(
        open(&format!("{redirect}/favicon.ico"))
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    assert!(
        open(&format!("{redirect}/"))
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    let mut scanner = Peer::connect(redirect[7..].parse().unwrap()).await;
    scanner.send(b"\x16\x03\x01\x02\x00\r\n\r\n").await;
    let mut posted = Peer::connect(redirect[7..].parse().unwrap()).await;
    posted
        .send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        .await;
    assert!(posted.rest().await.starts_with(b"HTTP/1.1 405 "));
    let guessed = open(&format!("{redirect}/?code=x&state=y")).await;
    assert!(guessed.starts_with("HTTP/1.1 400 "), "{guessed}");
    let address = setup.provider.browse(&page).await.unwrap();
    let shown = open(&address).await;
    assert!(shown.starts_with("HTTP/1.1 200 OK\r\n"), "{shown}");
    assert!(shown.contains("You can close this window."), "{shown}");
    assert!(!shown.contains("4/0A"), "{shown}");
    let (code, printed) = adding.ended("open sesame\n");
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("the state does not match"), "{printed}");
    setup.provider.assert_satisfied();
    assert_eq!(setup.provider.grants(), ["authorization_code"]);
    // A code is of no use a second time: nothing of it was kept.
    let (received, _) = setup.log_in("ann@example.net", "open sesame", 1).await;
    assert!(received.starts_with("+OK welcome"), "{received}");
    let (received, log) = setup.log_in("ann@example.net", "guess", 0).await;
    assert!(
        received.starts_with("-ERR [AUTH] wrong user name or password"),
        "{received}"
    );
    for secret in [SECRET, "ya29.", "1//", "open sesame"] {
        assert!(
            !log.contains(secret) && !printed.contains(secret),
            "{log}{printed}"
        );
    }
}

#[tokio::test]
async fn a_pasted_address_ends_in_a_login() {
    let setup = setup(Manners::Microsoft, "").await;
    let mut adding = setup.add(&[]);
    let (page, _) = adding.page();
    let address = setup.provider.browse(&page).await.unwrap();
    // The password comes at once; it is not taken for an address.
    let (code, printed) = adding.ended(&format!("\n{address}\nopen sesame\n"));
    assert_eq!(code, Some(0), "{printed}");
    let (received, _) = setup.log_in("ann@example.net", "open sesame", 1).await;
    assert!(received.starts_with("+OK welcome"), "{received}");
    setup.provider.assert_satisfied();
}

/// Microsoft replaces the refresh token with each use, and the old one ends.
#[tokio::test]
async fn rotated_refresh_tokens_are_kept() {
    let setup = setup(Manners::Microsoft, "").await;
    // The access token has expired when it arrives.
    let json =
        r#"{"access_token":"old","token_type":"bearer","expires_in":0,"refresh_token":"1//first"}"#;
    setup.provider.script(&response("200 OK", json));
    setup.provider.adopt("1//first");
    let mut adding = setup.add(&[]);
    let (page, _) = adding.page();
    let address = setup.provider.browse(&page).await.unwrap();
    let (code, printed) = adding.ended(&format!("{address}\nopen sesame\n"));
    assert_eq!(code, Some(0), "{printed}");
    // Each `serve` starts anew and finds what the one before has kept.
    for _ in 0..2 {
        let (received, log) = setup.log_in("ann@example.net", "open sesame", 2).await;
        assert!(received.starts_with("+OK welcome"), "{received}{log}");
    }
    assert_eq!(setup.provider.grants(), ["refresh_token"]);
    setup.provider.assert_satisfied();
}

#[tokio::test]
async fn failures_are_explained() {
    let setup = setup(Manners::Google, "").await;
    // No consent.
    setup.provider.person(Person::Denies);
    for by_browser in [true, false] {
        let mut adding = setup.add(&[]);
        let (page, _) = adding.page();
        let address = setup.provider.browse(&page).await.unwrap();
        let mut pasted = String::new();
        match by_browser {
            true => {
                let shown = open(&address).await;
                assert!(shown.contains("&lt;script&gt;"), "{shown}");
                assert!(!shown.contains("<script>"), "{shown}");
            }
            false => pasted = format!("{address}\n"),
        }
        let (code, printed) = adding.ended(&pasted);
        assert_eq!(code, Some(2), "{printed}");
        assert!(
            printed.contains("consent was not given: access_denied"),
            "{printed}"
        );
    }
    setup.provider.person(Person::Consents);
    // Another address, and one of another consent.
    for (change, says) in [
        (
            "127.0.0.1",
            "this is not the address that the browser ends at",
        ),
        ("state=", "the state does not match"),
        ("code=", "needs the parameter code"),
    ] {
        let mut adding = setup.add(&[]);
        let (page, _) = adding.page();
        let address = setup.provider.browse(&page).await.unwrap();
        let wrong = match change {
            "127.0.0.1" => address.replace(change, "127.0.0.2"),
            other => address.replace(other, &format!("{other}x&{}x", &other[..1])),
        };
        let wrong = if change == "code=" {
            address.replace("code=", "c=")
        } else {
            wrong
        };
        let (code, printed) = adding.ended(&format!("{wrong}\nopen sesame\n"));
        assert_eq!(code, Some(2), "{change}: {printed}");
        assert!(printed.contains(says), "{change}: {printed}");
    }
    // The token endpoint's answers.
    let html =
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
    let busy = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 17\r\nContent-Length: 2\r\n\r\n{}";
    let no_refresh = response("200 OK", r#"{"access_token":"a","token_type":"Bearer"}"#);
    let denied = response(
        "400 Bad Request",
        r#"{"error":"invalid_grant","error_description":"AADSTS70008: The code 4/0A has expired."}"#,
    );
    for (scripted, says) in [
        (html, "502 Bad Gateway"),
        (busy, "asked again in 18 seconds"),
        (no_refresh.as_str(), "the provider gave no refresh token"),
        (denied.as_str(), "refuses: invalid_grant (AADSTS70008)"),
    ] {
        setup.provider.script(scripted);
        let mut adding = setup.add(&[]);
        let (page, _) = adding.page();
        let address = setup.provider.browse(&page).await.unwrap();
        let (code, printed) = adding.ended(&format!("{address}\nopen sesame\n"));
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.contains(says), "{printed}");
        assert!(!printed.contains("4/0A"), "{printed}");
    }
    // Nobody comes.
    let mut adding = setup.add(&["--wait", "50ms"]);
    let (code, printed) = adding.ended("");
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("no consent within 50ms"), "{printed}");
    // Nothing was stored.
    let (received, _) = setup.log_in("ann@example.net", "open sesame", 0).await;
    assert!(received.starts_with("-ERR [AUTH]"), "{received}");
    setup.provider.assert_satisfied();
}

/// One token for all accounts; a password of popgate's own for each.
#[tokio::test]
async fn client_credentials_admit_whoever_knows_the_mailbox_password() {
    let more = "flow = \"client_credentials\"\nscope = \"https://outlook.office365.com/.default\"";
    let setup = setup(Manners::Microsoft, more).await;
    let mut adding = setup.add(&["--flow", "browser"]);
    let (code, printed) = adding.ended("");
    assert_eq!(code, Some(64), "{printed}");
    let (code, printed) = setup.add(&[]).ended("open sesame\n");
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        !setup
            .folder
            .path()
            .join("data/tokens")
            .read_dir()
            .unwrap()
            .any(|file| {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                text.contains("ya29") || text.contains("ann") || text.contains(SECRET)
            })
    );
    let (received, _) = setup.log_in("ann@example.net", "open sesame", 2).await;
    assert!(received.starts_with("+OK welcome"), "{received}");
    // One for `oauth add`, one for both logins.
    assert_eq!(setup.provider.grants(), ["client_credentials"; 2]);
    for (user, password) in [
        ("ann@example.net", "guess"),
        ("bob@example.net", "open sesame"),
        ("ann@example.net", ""),
    ] {
        let (received, _) = setup.log_in(user, password, 0).await;
        assert!(
            received.starts_with("-ERR [AUTH] wrong user name or password"),
            "{received}"
        );
    }
    assert_eq!(setup.provider.grants().len(), 2);
    setup.provider.assert_satisfied();
}

/// Everything at a terminal: the page, an address that is pasted after a wrong one, a password that is not shown.
#[tokio::test]
async fn a_terminal_shows_the_page_and_not_the_password() {
    let setup = setup(Manners::Google, "").await;
    let (mut terminal, line) = pty_process::blocking::open().unwrap();
    let mut child = pty_process::blocking::Command::new(POPGATE)
        .args(setup.add_args())
        .env_remove("POPGATE_PASSWORD")
        .env_remove(FOLDERS[0])
        .env_remove(FOLDERS[1])
        .env("HOME", NO_HOME)
        .spawn(line)
        .unwrap();
    let mut all = String::new();
    let page = until(&mut terminal, &mut all, "Paste that address here");
    let page = page
        .lines()
        .find(|line| line.starts_with("https://"))
        .unwrap();
    let address = setup.provider.browse(page.trim_end()).await.unwrap();
    terminal.write_all(b"http://127.0.0.1:1/?code=x\n").unwrap();
    until(&mut terminal, &mut all, "this is not the address");
    terminal
        .write_all(format!("{address}\n").as_bytes())
        .unwrap();
    until(
        &mut terminal,
        &mut all,
        "the password that the mail program will send: ",
    );
    terminal.write_all(b"open sesame\n").unwrap();
    until(&mut terminal, &mut all, "stored;");
    assert!(child.wait().unwrap().success());
    assert!(!all.contains("sesame"), "{all}");
    let (received, _) = setup.log_in("ann@example.net", "open sesame", 1).await;
    assert!(received.starts_with("+OK welcome"), "{received}");
    // A refresh token is a password, too.
    let (mut terminal, line) = pty_process::blocking::open().unwrap();
    let mut child = pty_process::blocking::Command::new(POPGATE)
        .args(setup.add_args())
        .args(["--refresh-token-file", "-"])
        .env_remove("POPGATE_PASSWORD")
        .env_remove(FOLDERS[0])
        .env_remove(FOLDERS[1])
        .env("HOME", NO_HOME)
        .spawn(line)
        .unwrap();
    let mut all = String::new();
    until(&mut terminal, &mut all, "the refresh token: ");
    terminal.write_all(b"1//typed\n").unwrap();
    until(&mut terminal, &mut all, "will send: ");
    terminal.write_all(b"open sesame\n").unwrap();
    until(&mut terminal, &mut all, "stored;");
    assert!(child.wait().unwrap().success());
    assert!(!all.contains("typed") && !all.contains("sesame"), "{all}");
}

/// Reads from a terminal until these words appear; returns all that it has shown.
fn until(terminal: &mut pty_process::blocking::Pty, all: &mut String, words: &str) -> String {
    let start = all.len();
    while !all[start..].contains(words) {
        let mut piece = [0; 4096];
        let read = terminal.read(&mut piece).unwrap_or(0);
        assert!(read > 0, "no `{words}` in {all}");
        all.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    all.clone()
}
