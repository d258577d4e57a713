//! Which program has a port that popgate cannot have.
//!
//! In: a port; out: the program, where the system lets everybody know, or the command that tells.

/// The program that listens on a TCP port, such as "smtp.exe (process 1234)"; `None` if that is not known.
pub fn port_holder(port: u16) -> Option<String> {
    system::port_holder(port)
}

/// The command that tells who listens on a port.
pub fn how_to_find(port: u16) -> String {
    system::how_to_find(port)
}

/// What else to know about a port that the system does not let popgate have.
pub fn why_forbidden() -> &'static str {
    system::FORBIDDEN
}

#[cfg(unix)]
mod system {
    /// Only root sees the programs of others.
    pub(super) fn port_holder(_: u16) -> Option<String> {
        None
    }

    pub(super) fn how_to_find(port: u16) -> String {
        match cfg!(target_os = "linux") {
            true => format!("`ss -ltnp sport = :{port}`"),
            false => format!("`sudo lsof -nP -iTCP:{port} -sTCP:LISTEN`"),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) const FORBIDDEN: &str =
        "ports below 1024 need a privilege: choose another such as 127.0.0.1:1110";
    #[cfg(target_os = "linux")]
    pub(super) const FORBIDDEN: &str = "ports below 1024 need a privilege: `sudo setcap cap_net_bind_service=+ep $(command -v popgate)`, \
        or let systemd open it (popgate.socket, or popgate-tls.socket for 995; stop the service, then start both), \
        or start it as a systemd service with AmbientCapabilities=CAP_NET_BIND_SERVICE, \
        or choose another port such as 127.0.0.1:1110";
}

#[cfg(windows)]
mod system {
    use std::process::{Command, Stdio};

    use super::{listening_process, process_name};

    pub(super) fn port_holder(port: u16) -> Option<String> {
        let process = listening_process(&said("netstat.exe", &["-ano", "-p", "TCP"])?, port)?;
        let filter = format!("PID eq {process}");
        let tasks = said("tasklist.exe", &["/FI", &filter, "/FO", "CSV", "/NH"]);
        let name = tasks.as_deref().and_then(process_name);
        Some(match name {
            Some(name) => format!("{name} (process {process})"),
            None => format!("process {process}"),
        })
    }

    fn said(program: &str, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        let output = command.output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(super) fn how_to_find(_: u16) -> String {
        "`netstat -ano`".to_owned()
    }

    pub(super) const FORBIDDEN: &str = "Windows has reserved it, or a program has it for itself alone: \
        see `netsh interface ipv4 show excludedportrange protocol=tcp`, or choose another port such as 127.0.0.1:1110";
}

/// The number of the process that listens on a port, from what `netstat -ano` prints. Its words are in the language of the
/// system; only a port that is listened on has port 0 on the other side.
#[cfg(any(windows, test))]
fn listening_process(table: &str, port: u16) -> Option<u32> {
    let own = format!(":{port}");
    table.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [protocol, here, there, .., process] = words[..] else {
            return None;
        };
        let listens = protocol == "TCP" && here.ends_with(&own) && there.ends_with(":0");
        process.parse().ok().filter(|_| listens)
    })
}

/// The program's name, from a line of `tasklist /FO CSV /NH`; `None` if there is no such process.
#[cfg(any(windows, test))]
fn process_name(line: &str) -> Option<String> {
    let (name, _) = line.trim().strip_prefix('"')?.split_once('"')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_found_in_every_language() {
        let table = "\r\nAktive Verbindungen\r\n\r\n  Proto  Lokale Adresse         Remoteadresse          Status           PID\r\n  \
            TCP    127.0.0.1:1100         0.0.0.0:0              ABH\u{d6}REN         7\r\n  \
            TCP    127.0.0.1:110          192.0.2.1:5000         HERGESTELLT     8\r\n  \
            TCP    [::1]:995              [::]:0                 ABH\u{d6}REN         9\r\n  \
            TCP    0.0.0.0:110            0.0.0.0:0              ABH\u{d6}REN         1234\r\n";
        assert_eq!(listening_process(table, 110), Some(1234));
        assert_eq!(listening_process(table, 995), Some(9));
        assert_eq!(listening_process(table, 100), None);
    }

    #[test]
    fn the_name_is_in_the_first_quotes() {
        let line = "\"hMail Server.exe\",\"1234\",\"Services\",\"0\",\"8.912 K\"\r\n";
        assert_eq!(process_name(line).as_deref(), Some("hMail Server.exe"));
        assert_eq!(process_name("INFO: No tasks are running.\r\n"), None);
    }
}
