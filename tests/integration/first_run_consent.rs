//! Consent in the first run: the built `serve` without settings, a provider's authorization server that checks what it gets,
//! a mail server that takes tokens only, and the test as the person's browser.

use std::io::BufReader;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Stdio};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::first_run::{Ending, line_with};
use crate::support::authority::authority;
use crate::support::browser::{Answer, Browser};
use crate::support::identity_provider::{
    CLIENT, IdentityProvider, Manners, Person, SECRET, response,
};
use crate::support::provider::Provider;
use crate::support::{Peer, shown};

const USER: &str = "ann@example.net";
const PASSWORD: &str = "open sesame";
const SCOPE: &str = "https://outlook.office.com/POP.AccessAsUser.All offline_access";

/// `serve` without settings, in a folder of its own.
struct FirstRun {
    folder: tempfile::TempDir,
    /// It ends with the test.
    _serving: Ending,
    stderr: BufReader<ChildStderr>,
    address: SocketAddr,
    token: String,
    mail: TcpListener,
    browser: Browser,
}

impl FirstRun {
    /// It trusts this certificate.
    async fn start(certificate: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = crate::support::program::popgate()
            .args(["serve", "--admin", "127.0.0.1:0", "--data-dir", "data"])
            .current_dir(folder.path())
            .env("SSL_CERT_FILE", certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut serving = Ending(child.unwrap());
        let mut stderr = BufReader::new(serving.0.stderr.take().unwrap());
        let line = line_with(&mut stderr, "no settings yet: open http://");
        let (_, address) = line.split_once("http://").unwrap();
        let (address, token) = address.split_once("/?token=").unwrap();
        let address: SocketAddr = address.parse().unwrap();
        Self {
            folder,
            _serving: serving,
            stderr,
            address,
            token: token.to_owned(),
            mail: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            browser: Browser::new(address),
        }
    }

    /// A form that the person fills in; `more` precede what is usual.
    async fn post(&mut self, deed: &str, more: &[(&str, &str)]) -> Answer {
        let port = self.mail.local_addr().unwrap().port().to_string();
        let usual = [
            ("token", &*self.token.clone()),
            ("do", deed),
            ("host", "localhost"),
            ("port", &port),
            ("tls", "implicit"),
            ("listen", "127.0.0.1:0"),
            ("user", USER),
            ("password", PASSWORD),
            ("client_id", CLIENT),
            ("client_secret", SECRET),
        ]
        .map(|(key, value)| (key, value.to_owned()));
        let given = more.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let mut fields: Vec<(&str, String)> = given.collect();
        let rest = usual.into_iter();
        let rest: Vec<_> = rest
            .filter(|(key, _)| more.iter().all(|(given, _)| given != key))
            .collect();
        fields.extend(rest);
        let fields: Vec<_> = fields.iter().map(|(key, value)| (*key, &**value)).collect();
        self.browser.post("/", &fields).await
    }

    /// Asks for a consent in this browser; the provider's page.
    async fn begin(&mut self, provider: &IdentityProvider) -> String {
        let (authorize, token) = (provider.url("/authorize"), provider.url("/token"));
        let addresses = [
            ("authorization_url", &*authorize),
            ("token_url", &*token),
            ("scope", SCOPE),
        ];
        let asked = self.post("browser", &addresses).await;
        assert_eq!(asked.status, 200, "{asked:?}");
        let (_, page) = asked
            .body
            .split_once("class=\"go\"><a href=\"")
            .unwrap_or_else(|| panic!("no page in {asked:?}"));
        page.split('"').next().unwrap().replace("&#38;", "&")
    }

    /// The browser comes back to an address of popgate.
    async fn open(&mut self, address: &str) -> Answer {
        let path = path(address).to_owned();
        self.browser.get(&path).await
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("popgate.toml")
    }

    /// The files with tokens.
    fn tokens(&self) -> Vec<PathBuf> {
        let folder = self.folder.path().join("data/tokens");
        let files = std::fs::read_dir(folder).into_iter().flatten();
        files.map(|it| it.unwrap().path()).collect()
    }

    /// Where mail programs connect, once the server runs.
    fn listening(&mut self) -> SocketAddr {
        let line = line_with(&mut self.stderr, "listening pop3");
        let address = line.split_whitespace().find_map(|word| word.parse().ok());
        address.unwrap_or_else(|| panic!("no address in {line}"))
    }
}

/// What follows the host.
fn path(address: &str) -> &str {
    let (_, rest) = address.split_once("://").unwrap();
    &rest[rest.find('/').unwrap()..]
}

/// Logs in as a mail program; the first line of the answer.
async fn log_in(address: SocketAddr, password: &str) -> String {
    let mut client = Peer::connect(address).await;
    client.line().await;
    client.send(format!("USER {USER}\r\n").as_bytes()).await;
    client.expect(b"+OK\r\n").await;
    client.send(format!("PASS {password}\r\n").as_bytes()).await;
    shown(&client.line().await)
}

#[tokio::test]
async fn a_consent_ends_in_settings_and_a_login() {
    let provider = IdentityProvider::start(Manners::Microsoft);
    let mut run = FirstRun::start(&provider.ca_file()).await;
    // A provider that is known to take tokens only: no password is asked for there.
    let token = run.token.clone();
    let fields = [("token", &*token), ("address", "ann@hotmail.com")];
    let known = run.browser.post("/", &fields).await;
    for text in [
        "Sign in at your provider",
        "entra.microsoft.com",
        "outlook.office365.com",
        "value=\"device\"",
    ] {
        assert!(known.body.contains(text), "{text} in {known:?}");
    }
    let fields = [("token", &*token), ("address", "ann@gmail.com")];
    let offered = run.browser.post("/", &fields).await;
    assert!(offered.body.contains("value=\"oauth\""), "{offered:?}");
    let page = run.begin(&provider).await;
    assert!(run.browser.cookie().is_some());
    let back = provider.browse(&page).await.unwrap();
    assert!(
        back.starts_with(&format!("http://{}", run.address)),
        "{back}"
    );
    assert!(!run.settings().exists() && run.tokens().is_empty());
    let mail = run.mail.local_addr().unwrap();
    let path = path(&back).to_owned();
    let (done, ()) = tokio::join!(
        run.browser.get(&path),
        provider.mail_login_alone(&run.mail, USER)
    );
    assert!(done.body.contains("popgate is set up"), "{done:?}");
    assert!(
        done.body.contains("the password that you have just chosen"),
        "{done:?}"
    );
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let text = std::fs::read_to_string(run.settings()).unwrap();
    assert_eq!(mode(&run.settings()), 0o600);
    for (has, wanted) in [
        ("[upstream.oauth]", true),
        (CLIENT, true),
        (PASSWORD, false),
    ] {
        assert_eq!(text.contains(has), wanted, "{has} in {text}");
    }
    let tokens = run.tokens();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert_eq!(mode(&tokens[0]), 0o600);
    let sealed = std::fs::read(&tokens[0]).unwrap();
    let sealed = String::from_utf8_lossy(&sealed);
    assert!(
        !sealed.contains("1//") && !sealed.contains(USER),
        "{sealed}"
    );
    // The server goes on in the same process, and the mail program logs in with that password alone.
    let address = run.listening();
    assert_eq!(run.mail.local_addr().unwrap(), mail);
    let (said, _server) = tokio::join!(
        log_in(address, PASSWORD),
        provider.mail_login(&run.mail, USER, b"+OK welcome\r\n")
    );
    assert!(said.starts_with("+OK"), "{said}");
    let said = log_in(address, "guess").await;
    assert!(said.starts_with("-ERR [AUTH]"), "{said}");
    provider.assert_satisfied();
    assert_eq!(provider.grants()[0], "authorization_code");
}

#[tokio::test]
async fn only_the_browser_that_asked_comes_back_and_once() {
    let provider = IdentityProvider::start(Manners::Microsoft);
    let mut run = FirstRun::start(&provider.ca_file()).await;
    // Nothing is asked for yet.
    let early = run.browser.get("/?state=guess&code=guess").await;
    assert_eq!(early.status, 403, "{early:?}");
    let page = run.begin(&provider).await;
    let back = provider.browse(&page).await.unwrap();
    // Another browser, by the same name of this machine and by another one: that leads to the first.
    let other = Browser::new(run.address).get(path(&back)).await;
    assert_eq!(other.status, 403, "{other:?}");
    assert!(
        other.body.contains("not begun in this browser"),
        "{other:?}"
    );
    let host = format!("localhost:{}", run.address.port());
    let other = Browser::for_host(run.address, &host).get(path(&back)).await;
    assert_eq!(other.header("Location"), Some(&*back), "{other:?}");
    // A state that is made up; the question stays open.
    let forged = back.replace("state=", "state=x");
    let refused = run.open(&forged).await;
    assert!(refused.body.contains("another question"), "{refused:?}");
    let pasted = [("came", "https://example.net/?code=1")];
    let refused = run.post("pasted", &pasted).await;
    assert!(refused.body.contains("not the address"), "{refused:?}");
    assert_eq!(provider.grants(), Vec::<String>::new());
    // The person says no; that address is of no use again, and neither is that of the question before.
    provider.person(Person::Denies);
    let page = run.begin(&provider).await;
    let denied_at = provider.browse(&page).await.unwrap();
    let old = run.open(&back).await;
    assert!(old.body.contains("another question"), "{old:?}");
    let denied = run.open(&denied_at).await;
    assert!(denied.body.contains("You have not agreed"), "{denied:?}");
    assert!(!denied.body.contains("alert(1)"), "{denied:?}");
    let path = path(&denied_at);
    let again = run.browser.send("GET", path, "Accept-Language: de\r\n", "");
    let again = again.await;
    assert!(again.body.contains("schon verbraucht"), "{again:?}");
    assert!(run.tokens().is_empty() && !run.settings().exists());
    assert_eq!(provider.grants(), Vec::<String>::new());
    provider.assert_satisfied();
}

#[tokio::test]
async fn what_goes_wrong_is_said_and_the_consent_is_kept() {
    let provider = IdentityProvider::start(Manners::Microsoft);
    let mut run = FirstRun::start(&provider.ca_file()).await;
    // Fields that cannot be used.
    let (authorize, token) = (provider.url("/authorize"), provider.url("/token"));
    for (field, value, says) in [
        ("password", "", "a new password"),
        ("client_id", " ", "popgate cannot use this"),
        ("tls", "off", "popgate cannot use this"),
        ("token_url", "http://example.net", "popgate cannot use this"),
    ] {
        let mut fields = vec![(field, value), ("scope", SCOPE)];
        fields.push(("authorization_url", &authorize));
        if field != "token_url" {
            fields.push(("token_url", &token));
        }
        let wrong = run.post("browser", &fields).await;
        assert!(wrong.body.contains(says), "{field}: {wrong:?}");
    }
    let html = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    let busy = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 17\r\nContent-Length: 2\r\n\r\n{}";
    let down = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>";
    let hours = response("200 OK", r#"{"access_token":"a","token_type":"Bearer"}"#);
    let client = response("401 Unauthorized", r#"{"error":"invalid_client"}"#);
    for (scripted, says) in [
        (html, "cannot be understood"),
        (busy, "too many requests. Go on again in 18 s."),
        (down, "cannot be reached"),
        (&hours, "agreed for some hours only"),
        (&client, "The provider refuses. Compare the client ID"),
    ] {
        provider.script(scripted);
        let page = run.begin(&provider).await;
        let back = provider.browse(&page).await.unwrap();
        let failed = run.open(&back).await;
        assert!(failed.body.contains(says), "{says} in {failed:?}");
        // What was filled in is still there, except for the password.
        assert!(failed.body.contains(SECRET) && !failed.body.contains(PASSWORD));
        assert!(run.tokens().is_empty() && !run.settings().exists());
    }
    // The provider's POP3 is switched off: the consent counts all the same.
    let page = run.begin(&provider).await;
    let back = provider.browse(&page).await.unwrap();
    let refuses = b"-ERR POP3 is switched off\r\n";
    let came = [("came", &*back)];
    let mail = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mail = std::mem::replace(&mut run.mail, mail);
    let (failed, _server) = tokio::join!(
        run.post("pasted", &came),
        provider.mail_login(&mail, USER, refuses)
    );
    for text in ["test of the login has failed", "POP3 is switched off"] {
        assert!(failed.body.contains(text), "{text} in {failed:?}");
    }
    assert!(run.tokens().len() == 1 && !run.settings().exists());
    let (done, ()) = tokio::join!(
        run.post("again", &[]),
        provider.mail_login_alone(&mail, USER)
    );
    assert!(done.body.contains("popgate is set up"), "{done:?}");
    assert!(run.settings().exists());
    provider.assert_satisfied();
}

#[tokio::test]
async fn a_code_is_entered_on_another_device() {
    let certified = Arc::new(authority("localhost"));
    let provider = Provider::start(Arc::clone(&certified)).await;
    let mut run = FirstRun::start(&certified.pem()).await;
    let oauth = provider.oauth();
    let device = oauth.device_url.unwrap();
    let fields = [
        ("token_url", &*oauth.token_url),
        ("device_url", &*device),
        ("scope", "mail.pop"),
    ];
    let json = r#"{"device_code":"d-1","user_code":"ABCD-EFGH","verification_uri":"https://login.example/device","interval":1}"#;
    let answer = async {
        let request = provider.next_request().await;
        assert_eq!(request.form["client_id"], CLIENT);
        request.respond("200 OK", json).await;
    };
    let (asked, ()) = tokio::join!(run.post("device", &fields), answer);
    for text in ["ABCD-EFGH", "href=\"https://login.example/device\""] {
        assert!(asked.body.contains(text), "{text} in {asked:?}");
    }
    let pending = async {
        let request = provider.next_request().await;
        assert_eq!(request.form["device_code"], "d-1");
        let json = r#"{"error":"authorization_pending"}"#;
        request.respond("400 Bad Request", json).await;
    };
    let (waits, ()) = tokio::join!(run.post("consented", &[]), pending);
    assert!(waits.body.contains("does not know of your consent yet"));
    assert!(waits.body.contains("ABCD-EFGH"), "{waits:?}");
    let denied = async {
        let request = provider.next_request().await;
        let json = r#"{"error":"access_denied"}"#;
        request.respond("400 Bad Request", json).await;
    };
    let (refused, ()) = tokio::join!(run.post("consented", &[]), denied);
    assert!(refused.body.contains("You have not agreed"), "{refused:?}");
    assert!(run.tokens().is_empty() && !run.settings().exists());
}
