//! popgate of a person, at a desktop: own folders, a start at the login, and the console in the browser.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::first_run::{Ending, line_with};
use crate::support::browser::Browser;
use crate::support::program::{Person, popgate};

fn printed(output: &Output) -> String {
    let text = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8(text).unwrap()
}

/// The code and what was printed.
fn ends(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), printed(&output))
}

#[tokio::test]
async fn a_first_run_writes_into_the_folders_of_the_person() {
    let ann = Person::new();
    let (mail, elsewhere) = (ann.folder("mail"), ann.folder("elsewhere"));
    let mut command = ann.popgate();
    command
        .args(["serve", "--admin", "127.0.0.1:0"])
        .current_dir(&mail)
        .env("XDG_DATA_HOME", ann.path("own data"))
        .env("XDG_CONFIG_HOME", "relative, and ignored")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut server = Ending(command.spawn().unwrap());
    let mut stderr = BufReader::new(server.0.stderr.take().unwrap());
    let line = line_with(&mut stderr, "no settings yet: open http://");
    let (_, address) = line.split_once("http://").unwrap();
    let (admin, _) = address.split_once("/?token=").unwrap();
    let admin: SocketAddr = admin.parse().unwrap();
    let verb = |words: &[&str]| {
        let mut command = ann.popgate();
        command.env("XDG_DATA_HOME", ann.path("own data"));
        ends(command.args(words).current_dir(&elsewhere))
    };
    let (code, said) = verb(&["open", "--admin", &admin.to_string()]);
    assert_eq!(code, Some(0), "{said}");
    let (_, token) = said.split_once("/login?token=").unwrap();
    let token = token.lines().next().unwrap();
    let mut browser = Browser::new(admin);
    let fields = [("as", "token"), ("token", token)];
    let answer = browser.post("/login", &fields).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let (_, token) = answer
        .header("Location")
        .unwrap()
        .split_once("token=")
        .unwrap();
    let fields = [
        ("token", token),
        ("host", "127.0.0.1"),
        ("port", "1"),
        ("tls", "implicit"),
        ("listen", "127.0.0.1:0"),
        ("do", "write"),
    ];
    let done = browser.post("/", &fields).await;
    assert!(done.body.contains("popgate is set up"), "{done:?}");
    line_with(&mut stderr, "listening pop3");
    let file = ann.path(".config/popgate/popgate.toml");
    let text = fs::read_to_string(&file).unwrap();
    let data = ann.path("own data/popgate");
    let dir = format!("dir = {:?}\n", data.display().to_string());
    assert!(text.contains(&dir), "{text}");
    for private in [&data, &ann.path(".config/popgate")] {
        let mode = fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", private.display());
    }
    assert_eq!(fs::read_dir(&mail).unwrap().count(), 0);
    let (code, said) = verb(&["mailboxes"]);
    assert_eq!(code, Some(0), "{said}");
    let from = format!("popgate: settings from {}", file.display());
    assert!(said.contains(&from), "{said}");
}

/// The working directory goes first, and the person's own folder before that of the service.
#[test]
fn settings_of_the_working_directory_go_before_those_of_the_person() {
    let ann = Person::new();
    let here = ann.folder("mail");
    ann.folder(".config/popgate");
    ann.write(".config/popgate/popgate.toml", "[filter]\ntag_at = 0\n");
    let says = |text: &str| {
        let (code, said) = ends(ann.popgate().arg("check").current_dir(&here));
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(text), "no `{text}` in {said}");
    };
    says(".config/popgate/popgate.toml:2: filter.tag_at: 0 is out of range");
    ann.write("mail/popgate.toml", "[filter]\ndrop_at = -1\n");
    says("popgate: settings from popgate.toml\npopgate.toml:2: filter.drop_at");
}

/// A person whose `systemctl` notes what it is told, and fails where a file `fails` has the word.
fn with_systemctl() -> Person {
    let ann = Person::new();
    ann.folder("bin");
    let script = "#!/bin/sh\necho \"$*\" >> \"$HOME/told\"\n\
                  if [ -e \"$HOME/fails\" ] && [ \"$2\" = \"$(cat \"$HOME/fails\")\" ]; then\n\
                  echo 'Failed to connect to bus' >&2\nexit 1\nfi\n";
    let path = ann.write("bin/systemctl", script);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    ann
}

fn with_path(ann: &Person, words: &[&str]) -> (Option<i32>, String) {
    let usual = std::env::var("PATH").unwrap();
    let path = format!("{}:{usual}", ann.path("bin").display());
    ends(ann.popgate().args(words).env("PATH", path))
}

/// What systemctl was told since the last time.
fn told(ann: &Person) -> Vec<String> {
    let text = fs::read_to_string(ann.path("told")).unwrap_or_default();
    let _ = fs::remove_file(ann.path("told"));
    text.lines().map(ToOwned::to_owned).collect()
}

const UNIT: &str = ".config/systemd/user/popgate.service";
const ENTRY: &str = ".local/share/applications/popgate.desktop";
const ICON: &str = ".local/share/icons/hicolor/scalable/apps/popgate.svg";

#[test]
fn a_start_at_the_login_is_installed_and_removed() {
    let ann = with_systemctl();
    let program = ann.path("popgate").display().to_string();
    let enabling = format!("--user enable {}", ann.path(UNIT).display());
    for _ in 0..2 {
        let (code, said) = with_path(&ann, &["install", "--user"]);
        assert_eq!(code, Some(0), "{said}");
        for words in [
            "no settings yet",
            "enable-linger",
            "that these pages name",
            UNIT,
        ] {
            assert!(said.contains(words), "no `{words}` in {said}");
        }
        let expected = [
            "--user daemon-reload",
            &enabling,
            "--user restart popgate.service",
        ];
        assert_eq!(told(&ann), expected);
        let unit = fs::read_to_string(ann.path(UNIT)).unwrap();
        let starts = format!("ExecStart=\"{program}\" serve --user\n");
        assert!(unit.contains(&starts), "{unit}");
        let folder = ann.path(".config/popgate");
        let within = format!("WorkingDirectory={}\n", folder.display());
        assert!(folder.is_dir() && unit.contains(&within), "{unit}");
        let entry = fs::read_to_string(ann.path(ENTRY)).unwrap();
        let (config, data) = (ann.path(".config"), ann.path(".local/share"));
        let exec = format!(
            "Exec=env \"XDG_CONFIG_HOME={}\" \"XDG_DATA_HOME={}\" \"{program}\" open --desktop\nPath={}\n",
            config.display(),
            data.display(),
            folder.display()
        );
        assert!(entry.contains(&exec), "{entry}");
        assert!(ann.path(ICON).is_file());
    }
    let kept = ann.write(".config/popgate/popgate.toml", "");
    let (code, said) = with_path(&ann, &["uninstall", "--user"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("settings and mail stay"), "{said}");
    let expected = [
        "--user disable --now popgate.service",
        "--user daemon-reload",
    ];
    assert_eq!(told(&ann), expected);
    for gone in [UNIT, ENTRY, ICON] {
        assert!(!ann.path(gone).exists(), "{gone}");
    }
    assert!(kept.exists());
    let uninstall = &["uninstall", "--user"];
    let (code, said) = with_path(&ann, uninstall);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("has installed nothing"), "{said}");
    // What is left of it goes, too, whatever systemd says of a unit that is gone.
    fs::remove_file(kept).unwrap();
    let (code, said) = with_path(&ann, &["install", "--user"]);
    assert_eq!(code, Some(0), "{said}");
    fs::remove_file(ann.path(UNIT)).unwrap();
    ann.write("fails", "disable");
    let (code, said) = with_path(&ann, uninstall);
    assert_eq!(code, Some(0), "{said}");
    assert!(!ann.path(ENTRY).exists() && !ann.path(ICON).exists());
}

#[test]
fn settings_that_were_found_are_those_that_are_started() {
    let ann = with_systemctl();
    let listen = "[[listen]]\naddress = \"127.0.0.1:1110\"\n";
    let file = ann.write("popgate.toml", listen);
    let (code, said) = with_path(&ann, &["install", "--user"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("mail programs connect to 127.0.0.1:1110"),
        "{said}"
    );
    let unit = fs::read_to_string(ann.path(UNIT)).unwrap();
    let starts = format!(" serve --config \"{}\"\n", file.display());
    assert!(unit.contains(&starts), "{unit}");
    let entry = fs::read_to_string(ann.path(ENTRY)).unwrap();
    let opens = format!(" open --desktop --config \"{}\"\n", file.display());
    assert!(entry.contains(&opens), "{entry}");
    // A person's own are found anyway.
    fs::remove_file(&file).unwrap();
    let own = ann.write(".config/popgate/popgate.toml", listen);
    let (code, said) = with_path(&ann, &["install", "--user"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("settings: {}", own.display())),
        "{said}"
    );
    let unit = fs::read_to_string(ann.path(UNIT)).unwrap();
    assert!(unit.contains("/popgate\" serve --user\n"), "{unit}");
}

/// Containers may open them for everybody.
fn low_ports_need_a_privilege() -> bool {
    let least = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    least.trim().parse::<u16>().unwrap() > 110
}

#[test]
fn what_cannot_be_installed_leaves_nothing_and_says_why() {
    let refused = |ann: &Person, words: &[&str], code: i32, says: &str| {
        let (ended, said) = with_path(ann, words);
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(says), "no `{says}` in {said}");
    };
    let ann = with_systemctl();
    let install = &["install", "--user"];
    ann.write("fails", "daemon-reload");
    refused(
        &ann,
        install,
        2,
        "Failed to connect to bus; nothing is installed",
    );
    assert!(!ann.path(UNIT).exists() && !ann.path(ENTRY).exists());
    ann.write("fails", "enable");
    refused(&ann, install, 2, "bus; nothing is installed");
    assert!(!ann.path(UNIT).exists() && !ann.path(ENTRY).exists());
    ann.write("fails", "restart");
    refused(
        &ann,
        install,
        2,
        "installed, and starts at the next login, but does not run",
    );
    assert!(ann.path(UNIT).exists());
    for fails in ["daemon-reload", "enable"] {
        ann.write("fails", fails);
        refused(&ann, install, 2, "the menu's entry are replaced, but");
        assert!(ann.path(UNIT).exists() && ann.path(ENTRY).exists());
    }
    ann.write("fails", "disable");
    refused(&ann, &["uninstall", "--user"], 2, "nothing is removed");
    assert!(ann.path(UNIT).exists());
    fs::remove_file(ann.path("fails")).unwrap();
    ann.write(UNIT, "[Service]\nExecStart=/bin/true\n");
    refused(&ann, install, 2, "popgate has not written this file");
    refused(
        &ann,
        &["uninstall", "--user"],
        2,
        "popgate has not written this file",
    );
    assert!(
        fs::read_to_string(ann.path(UNIT))
            .unwrap()
            .contains("/bin/true")
    );
    fs::remove_file(ann.path(UNIT)).unwrap();
    told(&ann);
    if low_ports_need_a_privilege() {
        ann.write("popgate.toml", "\n[[listen]]\naddress = \"127.0.0.1:1\"\n");
        refused(
            &ann,
            install,
            64,
            "popgate.toml:3: listen[0].address: 127.0.0.1:1: ports below ",
        );
        ann.write("popgate.toml", "");
        refused(
            &ann,
            install,
            64,
            "popgate.toml: listen[0].address: 127.0.0.1:110: ports below ",
        );
    }
    ann.write("popgate.toml", "[filter]\ntag_at = 0\n");
    refused(&ann, install, 64, "popgate.toml:2: filter.tag_at");
    refused(
        &ann,
        &["install", "--user", "--config", "none.toml"],
        64,
        "none.toml",
    );
    refused(&ann, &["install"], 64, "comes with the packages");
    refused(&ann, &["uninstall"], 64, "comes with the packages");
    assert_eq!(told(&ann), [""; 0]);
    let (code, said) = ends(ann.popgate().args(install).env("HOME", "/"));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("for the account of a person"), "{said}");
}

#[test]
fn an_earlier_set_up_in_the_home_is_not_forgotten() {
    let ann = with_systemctl();
    let old = ann.write("popgate.toml", "");
    let elsewhere = ann.folder("elsewhere");
    let (code, said) = ends(
        ann.popgate()
            .args(["install", "--user"])
            .current_dir(elsewhere),
    );
    assert_eq!(code, Some(2), "{said}");
    let says = format!("give `--config {}`", old.display());
    assert!(said.contains(&says), "{said}");
    assert!(!ann.path(UNIT).exists());
}

#[test]
fn settings_that_others_can_have_put_into_the_working_directory_are_refused() {
    let ann = with_systemctl();
    let file = ann.write("popgate.toml", "[admin]\naddress = \"127.0.0.1:1\"\n");
    let refused = |why: &str| {
        let insists = format!("`--config {}` insists", file.display());
        for words in [&["serve"][..], &["install", "--user"]] {
            let (code, said) = with_path(&ann, words);
            assert_eq!(code, Some(64), "{said}");
            assert!(said.contains(why) && said.contains(&insists), "{said}");
        }
        let (code, said) = with_path(&ann, &["open", "--print", "--admin", "127.0.0.1:1"]);
        assert!(code != Some(0) && said.contains(&insists), "{said}");
    };
    fs::set_permissions(&file, PermissionsExt::from_mode(0o646)).unwrap();
    refused("can be written by others than its owner, the account ");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    // Only root can give a file away.
    if std::os::unix::fs::chown(&file, Some(4712), None).is_ok() {
        refused(" belongs to the account 4712, and not to this one or root");
    }
    let given = ["install", "--user", "--config", "popgate.toml"];
    let (_, said) = with_path(&ann, &given);
    assert!(!said.contains("insists"), "{said}");
    // What counts for a person's own is their folder.
    let own = ann.folder(".config/popgate");
    let file = ann.write(".config/popgate/popgate.toml", "[filter]\ntag_at = 0\n");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o664)).unwrap();
    let (code, said) = ends(ann.popgate().arg("serve").current_dir(own));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("popgate.toml:2: filter.tag_at"), "{said}");
}

/// A folder with an `xdg-open` that hands the address to the test through a pipe.
fn with_browser() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("xdg-open");
    fs::write(&script, "#!/bin/sh\necho \"$1\" > pipe\n").unwrap();
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let made = Command::new("mkfifo")
        .arg(folder.path().join("pipe"))
        .status();
    assert!(made.unwrap().success());
    folder
}

/// How long a browser's start and an answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What the browser gets from the address that it is started with.
fn browsed(folder: &Path) -> (String, String) {
    let pipe = folder.join("pipe");
    let (send, receive) = std::sync::mpsc::channel();
    // Nobody else may open the pipe: then this thread waits until the tests end.
    std::thread::spawn(move || send.send(fs::read_to_string(pipe)));
    let address = receive.recv_timeout(LIMIT);
    let address = address.expect("no browser was started").unwrap();
    let host = address.trim().strip_prefix("http://").unwrap();
    let host = host.strip_suffix('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (address, answer)
}

fn opens(folder: &Path, words: &[&str]) -> Ending {
    let mut command = popgate();
    command
        .args(["open", "--desktop"])
        .args(words)
        .current_dir(folder);
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).stdin(Stdio::null());
    Ending(
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    )
}

#[test]
fn the_browser_gets_the_token_and_the_list_of_processes_does_not() {
    let folder = with_browser();
    let folder = folder.path();
    fs::create_dir(folder.join("data")).unwrap();
    let console = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = console.local_addr().unwrap().to_string();
    let mut opening = opens(folder, &["--admin", &admin, "--data-dir", "data"]);
    let (address, answer) = browsed(folder);
    assert!(
        !address.contains("token") && !address.contains(&admin),
        "{address}"
    );
    assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
    let leads = format!("\r\nLocation: http://{admin}/login?token=");
    assert!(answer.contains(&leads), "{answer}");
    assert!(opening.0.wait().unwrap().success());
    let (mut stdout, mut stderr) = (String::new(), String::new());
    opening
        .0
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    opening
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(stdout, "");
    assert!(
        stderr.contains("the console is in the browser: press Log in there"),
        "{stderr}"
    );
}

#[test]
fn what_goes_wrong_is_shown_to_who_sees_no_terminal() {
    let folder = with_browser();
    let folder = folder.path();
    fs::write(folder.join("popgate.toml"), "[admin]\naddress = \"\"\n").unwrap();
    let mut opening = opens(folder, &[]);
    let (_, answer) = browsed(folder);
    assert!(
        answer.contains("<p>the console is off: write address = &quot;"),
        "{answer}"
    );
    assert_eq!(opening.0.wait().unwrap().code(), Some(2));
}

/// The desktop's menu starts popgate where none runs.
#[test]
fn the_menu_starts_popgate_for_the_person() {
    let ann = with_systemctl();
    // Nobody serves there, whatever systemctl says: it ends after the start was tried.
    let script = "#!/bin/sh\necho \"$*\" >> \"$HOME/told\"\n[ \"$2\" != restart ]\n";
    ann.write("bin/systemctl", script);
    let opener = ann.write("bin/xdg-open", "#!/bin/sh\nexit 3\n");
    fs::set_permissions(&opener, PermissionsExt::from_mode(0o755)).unwrap();
    let listen = "[[listen]]\naddress = \"127.0.0.1:1110\"\n";
    let settings = ann.write("mail.toml", listen);
    let settings = settings.to_str().unwrap();
    let admin = ["--admin", "127.0.0.1:1"];
    let words = [&["open", "--desktop", "--config", settings], &admin[..]].concat();
    let (code, said) = with_path(&ann, &words);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("does not run now"), "{said}");
    let told = told(&ann);
    assert_eq!(
        told.last().map(String::as_str),
        Some("--user restart popgate.service")
    );
    let unit = fs::read_to_string(ann.path(UNIT)).unwrap();
    let starts = format!(" serve --config \"{settings}\"\n");
    assert!(unit.contains(&starts), "{unit}");
}
