//! TCP to one of a host's addresses: the first that answers, alternating between address families.
//!
//! RFC 8305 section 5: an attempt that hangs does not block the others; the next one starts 250 ms
//! later, and the first connection wins.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::platform::transparent_sockets::make_transparent;

/// RFC 8305 section 5, the recommended delay.
const NEXT: Duration = Duration::from_millis(250);

/// Connects to the first that answers. With `from` the connection has that source address, which may be
/// another machine's (TPROXY).
pub(super) async fn connect(
    addresses: Vec<SocketAddr>,
    from: Option<IpAddr>,
) -> io::Result<TcpStream> {
    if let [only] = addresses[..] {
        return one(only, from).await;
    }
    let mut waiting = in_turn(addresses).into_iter();
    let mut attempts = JoinSet::new();
    let mut failed = io::Error::other("the name has no address");
    loop {
        let more = match waiting.next() {
            Some(address) => {
                attempts.spawn(one(address, from));
                waiting.len() > 0
            }
            None => false,
        };
        loop {
            let next = async {
                match more {
                    true => tokio::time::sleep(NEXT).await,
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                done = attempts.join_next() => match done {
                    Some(Ok(Ok(tcp))) => return Ok(tcp),
                    Some(Ok(Err(error))) => failed = error,
                    Some(Err(error)) => failed = io::Error::other(error),
                    None => return Err(failed),
                },
                () = next => {}
            }
            // A failure starts the next attempt at once.
            if more {
                break;
            }
        }
    }
}

/// RFC 8305 section 4: families alternate, beginning with the resolver's first choice.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = (first.next(), second.next());
        all.extend(pair.0);
        all.extend(pair.1);
        if pair == (None, None) {
            return all;
        }
    }
}

async fn one(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(from) = from else {
        return TcpStream::connect(address).await;
    };
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A foreign address needs CAP_NET_ADMIN, and a route that returns the packets to this machine.
    make_transparent(&socket, from)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.set_nonblocking(true)?;
    TcpSocket::from_std_stream(socket.into())
        .connect(address)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_alternate() {
        let parse = |list: &str| -> Vec<SocketAddr> {
            list.split(' ').map(|it| it.parse().unwrap()).collect()
        };
        let given = parse("[::1]:1 [::2]:1 [::3]:1 127.0.0.1:1 127.0.0.2:1");
        let turns = parse("[::1]:1 127.0.0.1:1 [::2]:1 127.0.0.2:1 [::3]:1");
        assert_eq!(in_turn(given), turns);
    }

    #[tokio::test]
    async fn an_unreachable_address_does_not_prevent_a_connection_to_another() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let living = listener.local_addr().unwrap();
        let gone = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let tcp = connect(vec![gone, living], None).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), living);
        let error = connect(vec![gone, gone], None).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect(Vec::new(), None).await.is_err());
    }
}
