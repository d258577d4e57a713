//! `popgate open`: an address that lets the administrator in once, into the console and into the first run.

use std::io::BufReader;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{ChildStderr, Stdio};

use crate::first_run::{Ending, line_with};
use crate::support::browser::Browser;

/// A server in a folder, with its data in `data`.
fn serve(folder: &Path, more: &[&str]) -> (Ending, BufReader<ChildStderr>) {
    std::fs::create_dir(folder.join("data")).unwrap();
    let mut command = crate::support::program::popgate();
    command
        .args(["serve", "--admin", "127.0.0.1:0", "--data-dir", "data"])
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut server = Ending(command.spawn().unwrap());
    let stderr = BufReader::new(server.0.stderr.take().unwrap());
    (server, stderr)
}

/// What the verb says in that folder, where opening a browser would leave a file.
fn open(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let opener = folder.join("xdg-open");
    std::fs::write(&opener, "#!/bin/sh\n: > opened\n").unwrap();
    std::fs::set_permissions(&opener, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = crate::support::program::popgate();
    command.arg("open").args(words).current_dir(folder);
    let output = command.env("PATH", folder).output().unwrap();
    assert!(!folder.join("opened").exists());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The path and the token of the address that it prints.
fn opened(folder: &Path, admin: SocketAddr, more: &[&str]) -> (String, String) {
    let admin = admin.to_string();
    let words = [&["--admin", &*admin, "--data-dir", "data"], more].concat();
    let (code, stdout, stderr) = open(folder, &words);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("press Log in"), "{stderr}");
    assert!(stderr.contains("within 5 minutes"), "{stderr}");
    let address = stdout.strip_suffix('\n').unwrap();
    let path = address.strip_prefix(&format!("http://{admin}")).unwrap();
    let token = path.strip_prefix("/login?token=").unwrap();
    assert!(token.len() > 20 && !stderr.contains(token), "{address}");
    (path.to_owned(), token.to_owned())
}

#[tokio::test]
async fn the_printed_address_lets_the_administrator_in_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let upstream = ["--upstream", "127.0.0.1:9", "--upstream-tls", "off"];
    let more = [&["--listen", "127.0.0.1:0"], &upstream[..]].concat();
    let (_server, mut stderr) = serve(folder, &more);
    let line = line_with(&mut stderr, "listening admin");
    let admin: SocketAddr = line.rsplit(' ').next().unwrap().parse().unwrap();
    line_with(&mut stderr, "console http");
    // What is in that file is not believed.
    let address = folder.join("data/console.address");
    std::fs::write(&address, "http://evil.example/login?token=x\n").unwrap();
    for more in [&[][..], &["--print"]] {
        let (path, token) = opened(folder, admin, more);
        let file = folder.join("data/console.open");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut browser = Browser::new(admin);
        assert!(browser.get(&path).await.body.contains(&token));
        let guess = [("as", "token"), ("token", "guess")];
        assert_eq!(browser.post("/login", &guess).await.status, 403);
        let fields = [("as", "token"), ("token", &*token)];
        assert_eq!(browser.post("/login", &fields).await.status, 303);
        assert_eq!(browser.get("/mailboxes").await.status, 200);
        let mut other = Browser::new(admin);
        assert_eq!(other.post("/login", &fields).await.status, 403);
        assert!(!file.exists());
    }
    // Without the right to write there, it says so, and the password is what opens the console.
    let named = admin.to_string();
    let (code, stdout, stderr) = open(folder, &["--admin", &named, "--data-dir", "none"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(stdout, format!("http://{named}\n"));
    for words in [
        "administrator's password",
        "no token could be written (none: ",
    ] {
        assert!(stderr.contains(words), "no `{words}` in {stderr}");
    }
}

#[tokio::test]
async fn the_printed_address_leads_into_the_first_run_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_server, mut stderr) = serve(folder, &[]);
    let line = line_with(&mut stderr, "no settings yet: open http://");
    let (_, address) = line.split_once("http://").unwrap();
    let (admin, own) = address.split_once("/?token=").unwrap();
    let admin: SocketAddr = admin.parse().unwrap();
    let (path, token) = opened(folder, admin, &[]);
    let mut browser = Browser::new(admin);
    assert_eq!(browser.get("/login").await.status, 403);
    let guess = [("as", "token"), ("token", "guess")];
    assert_eq!(browser.post("/login", &guess).await.status, 403);
    // To look at the page uses nothing up.
    for _ in 0..2 {
        let page = browser.get(&path).await;
        assert!(page.body.contains(&token), "{page:?}");
        assert!(page.body.contains("Log in</button>"), "{page:?}");
    }
    let fields = [("as", "token"), ("token", &*token)];
    let answer = browser.post("/login", &fields).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let first = format!("/?token={own}");
    assert_eq!(answer.header("Location"), Some(&*first));
    assert!(browser.get(&first).await.body.contains("Mail address"));
    assert_eq!(browser.post("/login", &fields).await.status, 403);
    assert!(!folder.join("data/console.address").exists());
}

#[test]
fn it_refuses_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (text, code, says) in [
        ("[admin]\naddress = \"\"\n", 2, "the console is off"),
        (
            "[admin]\naddress = \"192.0.2.1:9110\"\n",
            2,
            "the console is not served on 192.0.2.1:9110",
        ),
        (
            "[admin]\naddress = \"127.0.0.1:1\"\n",
            2,
            "no popgate answers on 127.0.0.1:1 ",
        ),
        (
            "[filter]\ntag_at = 0\n",
            64,
            "popgate.toml:2: filter.tag_at: 0 is out of range",
        ),
    ] {
        std::fs::write(folder.join("popgate.toml"), text).unwrap();
        let (ended, stdout, stderr) = open(folder, &["--data-dir", "data"]);
        assert_eq!((ended, &*stdout), (Some(code), ""), "{text}{stderr}");
        assert!(stderr.contains(says), "no `{says}` in {stderr}");
    }
}
