//! Small SOCKS5 and HTTP proxies of the tests: each serves one connection, and connects it to a port of loopback
//! whatever name it is asked for.

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a proxy of the tests does.
#[derive(Clone, Copy, PartialEq)]
pub enum Answer {
    /// It does what it is asked for.
    Connects,
    /// It refuses with this code of SOCKS5, or with 400 and this of HTTP.
    Refuses(u8),
    /// A server of another kind.
    Foreign,
}

async fn octets<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut octets = [0; N];
    stream.read_exact(&mut octets).await.unwrap();
    octets
}

async fn text(stream: &mut TcpStream) -> String {
    let [length] = octets::<1>(stream).await;
    let mut text = vec![0; length.into()];
    stream.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// Serves one connection as RFC 1928 and RFC 1929 say; `login` is wanted if given. Returns what was asked for.
pub async fn socks5(
    listener: &TcpListener,
    login: Option<(&str, &str)>,
    answer: Answer,
    server: u16,
) -> String {
    let mut client = listener.accept().await.unwrap().0;
    let [version, methods] = octets::<2>(&mut client).await;
    assert_eq!(version, 5);
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered).await.unwrap();
    if answer == Answer::Foreign {
        client
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        return String::new();
    }
    match login {
        Some(_) if !offered.contains(&2) => {
            client.write_all(&[5, 0xff]).await.unwrap();
            return String::new();
        }
        Some(login) => {
            client.write_all(&[5, 2]).await.unwrap();
            assert_eq!(octets(&mut client).await, [1]);
            let given = (text(&mut client).await, text(&mut client).await);
            let fits = (given.0.as_str(), given.1.as_str()) == login;
            client.write_all(&[1, u8::from(!fits)]).await.unwrap();
            if !fits {
                return String::new();
            }
        }
        None => client.write_all(&[5, 0]).await.unwrap(),
    }
    let [version, command, _, kind] = octets::<4>(&mut client).await;
    assert_eq!((version, command), (5, 1));
    let host = match kind {
        1 => std::net::Ipv4Addr::from(octets::<4>(&mut client).await).to_string(),
        3 => text(&mut client).await,
        other => panic!("address type {other}"),
    };
    let asked = format!("{host}:{}", u16::from_be_bytes(octets(&mut client).await));
    let code = match answer {
        Answer::Refuses(code) => code,
        _ => 0,
    };
    let reply = [5, code, 0, 1, 127, 0, 0, 1, 0, 0];
    client.write_all(&reply).await.unwrap();
    if code == 0 {
        relay(client, server).await;
    }
    asked
}

async fn relay(mut client: TcpStream, server: u16) {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
}

/// Serves one CONNECT; returns the head of the request. The server's greeting comes with the answer.
pub async fn http(listener: &TcpListener, answer: Answer, server: u16) -> String {
    let mut client = listener.accept().await.unwrap().0;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    match answer {
        Answer::Connects => {
            let mut upstream = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            let mut both = b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec();
            // A plain POP3 server speaks first.
            let mut greeting = vec![0; 512];
            let early = tokio::select! {
                read = upstream.read(&mut greeting) => read.unwrap(),
                () = tokio::task::yield_now() => 0,
            };
            both.extend_from_slice(&greeting[..early]);
            client.write_all(&both).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut upstream).await });
        }
        Answer::Refuses(code) => {
            let line = format!(
                "HTTP/1.1 {} No\r\nContent-Length: 0\r\n\r\n",
                400 + u16::from(code)
            );
            client.write_all(line.as_bytes()).await.unwrap();
        }
        Answer::Foreign => client.write_all(b"+OK pop3 ready\r\n").await.unwrap(),
    }
    String::from_utf8(head).unwrap()
}
