//! Which account listens on a port of this machine: what is meant for a program of one's own must not be handed to another's.
//!
//! In: an address that accepts connections; out: what this account may do with the program there, where the system says
//! whose it is. Only Linux does.

use std::net::SocketAddr;
use std::path::Path;

/// The program that listens, as seen by this account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerAccount {
    /// The system does not say whose it is.
    Unknown,
    /// This account's, or, if this is root, that of the account which owns the folder.
    Own,
    /// Root's, or the service manager's, which may have handed the socket to a service of another account.
    Root,
    /// That of the account which owns the folder.
    OwnerOfFolder,
    /// That of another account, whose number this is.
    Other(u32),
}

impl ListenerAccount {
    /// Of the program that listens on this address; `folder` is one that belongs to it if it is the right one.
    pub fn of(address: SocketAddr, folder: &Path) -> Self {
        system::of(address, folder)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::net::SocketAddr;
    use std::path::Path;

    use super::ListenerAccount;

    pub(super) fn of(_: SocketAddr, _: &Path) -> ListenerAccount {
        ListenerAccount::Unknown
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::net::{IpAddr, SocketAddr};
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use nix::unistd::geteuid;

    use super::ListenerAccount;

    pub(super) fn of(address: SocketAddr, folder: &Path) -> ListenerAccount {
        let table = |path| fs::read_to_string(path).unwrap_or_default();
        let tables = [table("/proc/net/tcp"), table("/proc/net/tcp6")];
        let owner = fs::metadata(folder).map(|it| it.uid()).ok();
        let account = listener(&tables, address);
        account.map_or(ListenerAccount::Unknown, |account| {
            judged(account, geteuid().as_raw(), owner)
        })
    }

    fn judged(account: u32, own: u32, owner: Option<u32>) -> ListenerAccount {
        match account {
            _ if account == own || own == 0 && owner == Some(account) => ListenerAccount::Own,
            0 => ListenerAccount::Root,
            _ if owner == Some(account) => ListenerAccount::OwnerOfFolder,
            _ => ListenerAccount::Other(account),
        }
    }

    /// The account of the socket that accepts connections to an address, from `/proc/net/tcp` and `tcp6` (proc(5)): one that
    /// is bound to the address goes before one that is bound to all.
    fn listener(tables: &[String; 2], address: SocketAddr) -> Option<u32> {
        const ANY: [&str; 2] = ["00000000", "00000000000000000000000000000000"];
        let exact = (usize::from(address.is_ipv6()), hex(address.ip()));
        let any = ANY.into_iter().enumerate();
        let any = any.map(|(of, address)| (of, address.to_owned()));
        std::iter::once(exact)
            .chain(any)
            .find_map(|(of, ip)| account(&tables[of], &format!("{ip}:{:04X}", address.port())))
    }

    fn account(table: &str, listens_on: &str) -> Option<u32> {
        const LISTEN: &str = "0A";
        table.lines().find_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let [_, here, _, state, _, _, _, user, ..] = words[..] else {
                return None;
            };
            let is_it = here == listens_on && state == LISTEN;
            is_it.then(|| user.parse().ok()).flatten()
        })
    }

    /// As the kernel writes it: numbers of four octets, in the order of the machine.
    fn hex(address: IpAddr) -> String {
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let (words, _) = octets.as_chunks::<4>();
        words
            .iter()
            .map(|word| format!("{:08X}", u32::from_ne_bytes(*word)))
            .collect()
    }

    #[cfg(test)]
    mod tests {
        use std::net::TcpListener;

        use super::*;

        #[test]
        fn the_kernel_says_whose_a_listener_is() {
            let dir = tempfile::tempdir().unwrap();
            for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
                // A machine may have no IPv6.
                let Ok(listener) = TcpListener::bind(address) else {
                    continue;
                };
                let bound = listener.local_addr().unwrap();
                assert_eq!(of(bound, dir.path()), ListenerAccount::Own, "{address}");
            }
            let listener = TcpListener::bind("0.0.0.0:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let reached = SocketAddr::from(([127, 0, 0, 1], port));
            assert_eq!(of(reached, dir.path()), ListenerAccount::Own);
        }

        #[test]
        fn an_address_is_searched_for_before_all_addresses() {
            let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
            let row = |here: &str, state: &str, user: u32| {
                format!(
                    "   0: {here} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  {user}        0 1 1 0\n"
                )
            };
            let any = format!("{}:2396", "00000000");
            let tcp = [
                head.to_owned(),
                row(&any, "0A", 7),
                row("0100007F:2396", "01", 8),
                row("0100007F:2396", "0A", 9),
            ];
            let v6 = "00000000000000000000000001000000:2396";
            let tables = [tcp.concat(), format!("{head}{}", row(v6, "0A", 10))];
            let asked = |address: &str| listener(&tables, address.parse().unwrap());
            assert_eq!(asked("127.0.0.1:9110"), Some(9));
            assert_eq!(asked("127.0.0.2:9110"), Some(7));
            assert_eq!(asked("[::1]:9110"), Some(10));
            assert_eq!(asked("127.0.0.1:9111"), None);
        }

        #[test]
        fn an_account_is_seen_from_another() {
            for (account, own, owner, expected) in [
                (1000, 1000, None, ListenerAccount::Own),
                (0, 0, None, ListenerAccount::Own),
                (0, 1000, Some(0), ListenerAccount::Root),
                (500, 0, Some(500), ListenerAccount::Own),
                (500, 1000, Some(500), ListenerAccount::OwnerOfFolder),
                (1001, 1000, Some(1000), ListenerAccount::Other(1001)),
                (1001, 0, None, ListenerAccount::Other(1001)),
            ] {
                assert_eq!(judged(account, own, owner), expected);
            }
        }
    }
}
