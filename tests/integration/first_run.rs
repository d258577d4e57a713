//! The first run: `serve` without settings asks a person for them, writes them, and goes on as a server.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use popgate::admin::{Choice, Consent, ConsentProblem, Setup, new_token, serve_setup};
use tokio::sync::Notify;

use crate::support::browser::Browser;

/// A process that ends with the test.
pub(crate) struct Ending(pub(crate) Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads on until a line has this.
pub(crate) fn line_with(stderr: &mut BufReader<ChildStderr>, text: &str) -> String {
    loop {
        let mut line = String::new();
        let length = stderr.read_line(&mut line).unwrap();
        assert_ne!(length, 0, "the output ended without `{text}`");
        if line.contains(text) {
            return line.trim_end().to_owned();
        }
    }
}

#[tokio::test]
async fn settings_are_asked_for_and_written_and_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::support::program::popgate();
    let child = command
        .args(["serve", "--admin", "127.0.0.1:0", "--data-dir", "data"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = Ending(child.unwrap());
    let mut stderr = BufReader::new(child.0.stderr.take().unwrap());
    let line = line_with(&mut stderr, "no settings yet: open http://");
    let (_, address) = line.split_once("http://").unwrap();
    let (address, token) = address.split_once("/?token=").unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let mut browser = Browser::new(address);
    for path in ["/", "/?token=guess"] {
        assert_eq!(browser.get(path).await.status, 403, "{path}");
    }
    let page = browser.get(&format!("/?token={token}")).await;
    assert!(page.body.contains("Mail address"), "{page:?}");
    let fields = [("token", "guess"), ("address", "ann@gmx.de")];
    assert_eq!(browser.post("/", &fields).await.status, 403);
    let page = browser
        .post("/", &[("token", token), ("address", "ann@gmx.de")])
        .await;
    assert!(page.body.contains("pop.gmx.net"), "{page:?}");
    assert!(!page.body.contains("not encrypted"), "{page:?}");
    // A server without TLS: its port and mode are suggested, and the page warns.
    let page = browser
        .post("/", &[("token", token), ("address", "ann@kelcom.net")])
        .await;
    for text in [
        "pop1.kelcom.net",
        "value=\"110\"",
        "value=\"off\" selected",
        "not encrypted",
    ] {
        assert!(page.body.contains(text), "{text} in {page:?}");
    }
    let mut fields = vec![
        ("token", token),
        ("host", "pop.example.net\" x"),
        ("port", "995"),
        ("tls", "implicit"),
        ("listen", "127.0.0.1:0"),
        ("do", "write"),
    ];
    let refused = browser.post("/", &fields).await;
    assert!(refused.body.contains("role=\"alert\""), "{refused:?}");
    let file = folder.path().join("popgate.toml");
    assert!(!file.exists());
    // Nobody listens there: the test says so, and nothing is written.
    fields[1] = ("host", "127.0.0.1");
    fields[2] = ("port", "1");
    fields.extend([("user", "ann"), ("password", "secret")]);
    fields[5] = ("do", "test");
    let failed = browser.post("/", &fields).await;
    assert!(failed.body.contains("The test has failed"), "{failed:?}");
    assert!(!file.exists());
    fields[5] = ("do", "write");
    let done = browser.post("/", &fields).await;
    assert!(done.body.contains("popgate is set up"), "{done:?}");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("host = \"127.0.0.1\"") && !text.contains("secret"));
    // The same port, the same process: now it is the console.
    line_with(&mut stderr, "listening pop3");
    let (_, next) = done.body.split_once("/login?token=").unwrap();
    let next = next.split('&').next().unwrap();
    let fields = [("as", "token"), ("token", next)];
    let answer = browser.post("/login?to=%2Fmail-program", &fields).await;
    assert_eq!(
        answer.header("Location"),
        Some("/mail-program"),
        "{answer:?}"
    );
    let page = browser.get("/mail-program").await;
    assert!(page.body.contains("Waiting for your mail program"));
    assert!(page.header("Refresh").is_some());
}

/// The file that a provider has for mail programs.
const FILE: &str = "<clientConfig version=\"1.1\"><emailProvider id=\"a\"><incomingServer type=\"pop3\">\
    <hostname>mail.%EMAILDOMAIN%</hostname><port>1110</port><socketType>STARTTLS</socketType>\
    <username>%EMAILLOCALPART%</username></incomingServer></emailProvider></clientConfig>";

#[tokio::test]
async fn a_provider_is_asked_on_request_only_and_what_it_says_is_written() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let token = new_token().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let written = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&written);
    let setup = Setup {
        token: token.clone(),
        takes_opening_token: Box::new(|_| false),
        next_token: new_token().unwrap(),
        done: Notify::new(),
        is_done: AtomicBool::new(false),
        listen: "127.0.0.1:1110".parse().unwrap(),
        ask: Box::new(move |address: String| {
            counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                match &*address {
                    "ann@example.org" => Ok(FILE.as_bytes().to_vec()),
                    "ann@example.net" => Ok(b"<html></html>".to_vec()),
                    other => Err(format!("{other}: <404>")),
                }
            })
        }),
        test: Box::new(|_, _, _| Box::pin(async { Ok(()) })),
        consent: Consent::new(
            Box::new(|_| Box::pin(async { Err(ConsentProblem::NotAsked) })),
            Box::new(|_| Box::pin(async { Err(ConsentProblem::NotAsked) })),
            Box::new(|_| Box::pin(async { Err(ConsentProblem::NotAsked) })),
        ),
        write: Box::new(move |choice: &Choice| {
            *kept.lock().unwrap() = Some(choice.clone());
            Ok("popgate.toml".to_owned())
        }),
    };
    let server = tokio::spawn(serve_setup(listener, Arc::new(setup)));
    let mut browser = Browser::new(address);
    let mut page = async |address: &str, deed: &str| {
        let fields = [("token", &*token.0), ("address", address), ("do", deed)];
        browser.post("/", &fields).await
    };
    // Who is listed needs not be asked; who is not, is not asked before the button is pressed.
    let listed = page("ann@gmx.de", "").await;
    assert!(!listed.body.contains("Ask the provider"), "{listed:?}");
    let guessed = page("ann@example.org", "").await;
    assert!(guessed.body.contains("Ask the provider"), "{guessed:?}");
    assert!(guessed.body.contains("pop.example.org"), "{guessed:?}");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let asked = page(" ann@example.org", "ask").await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
    for text in [
        "own web server",
        "value=\"mail.example.org\"",
        "value=\"1110\"",
        "value=\"starttls\" selected",
        "value=\"ann\"",
    ] {
        assert!(asked.body.contains(text), "{text} in {asked:?}");
    }
    // Without an answer, the guess stays.
    for (address, why) in [
        ("ann@example.net", "its file names no POP3 server"),
        ("ann@example.com", "ann@example.com: &#60;404&#62;"),
    ] {
        let guess = page(address, "ask").await;
        assert!(guess.body.contains("The provider does not say:"));
        assert!(guess.body.contains(why), "{guess:?}");
        assert!(guess.body.contains("value=\"pop.example."), "{guess:?}");
    }
    let fields = [
        ("token", &*token.0),
        ("host", "mail.example.org"),
        ("port", "1110"),
        ("tls", "starttls"),
        ("listen", "127.0.0.1:1110"),
        ("do", "test"),
    ];
    let done = browser.post("/", &fields).await;
    assert!(done.body.contains("popgate is set up"), "{done:?}");
    let choice = written.lock().unwrap().take().unwrap();
    assert_eq!((choice.port, choice.tls), (1110, "starttls"));
    server.await.unwrap().unwrap();
}
