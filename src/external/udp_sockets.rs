//! Sockets towards name servers, for the resolver's library.
//!
//! In and out: what the library sends, and what comes. An error that comes without its question is completed by the question
//! that was asked: servers that refuse a client (such as unbound) answer so, and the library, which compares questions,
//! would pass over it and wait until its time is over. Who can make up such an answer knows the port and the number of the
//! question, and could write the question itself, too.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::net::runtime::{
    DnsUdpSocket, RuntimeProvider, TokioRuntimeProvider, TokioTime,
};
use tokio::net::UdpSocket;

/// Octets before the question (RFC 1035 section 4.1.1).
const HEADER: usize = 12;

/// Opens the sockets of a resolver.
#[derive(Clone, Default)]
pub(super) struct Sockets(TokioRuntimeProvider);

/// See the module.
pub(super) struct Socket {
    inner: UdpSocket,
    /// The question that was sent last; the library opens a socket for each.
    asked: Mutex<Vec<u8>>,
}

impl RuntimeProvider for Sockets {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = TokioTime;
    type Udp = Socket;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.0.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.0.connect_tcp(server, local, timeout)
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        _: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        Box::pin(async move {
            Ok(Socket {
                inner: UdpSocket::bind(local).await?,
                asked: Mutex::default(),
            })
        })
    }
}

impl DnsUdpSocket for Socket {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let received = DnsUdpSocket::poll_recv_from(&self.inner, cx, buffer);
        received.map_ok(|(length, from)| {
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            (completed(buffer, length, &asked), from)
        })
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        message: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clear();
        asked.extend_from_slice(question(message).unwrap_or_default());
        drop(asked);
        DnsUdpSocket::poll_send_to(&self.inner, cx, message, to)
    }
}

/// The question section of a message with one question, whose name nothing can be compressed in.
fn question(message: &[u8]) -> Option<&[u8]> {
    let mut at = HEADER;
    loop {
        match usize::from(*message.get(at)?) {
            0 => return message.get(HEADER..at + 5),
            length => at += 1 + length,
        }
    }
}

/// Puts the question into an error that has none. Returns how long it is then.
fn completed(buffer: &mut [u8], length: usize, asked: &[u8]) -> usize {
    let longer = length + asked.len();
    if length < HEADER || longer > buffer.len() || asked.is_empty() {
        return length;
    }
    let is_answer = buffer[2] & 0x80 != 0;
    let is_error = buffer[3] & 0x0f != 0;
    if !is_answer || !is_error || buffer[4..6] != [0, 0] {
        return length;
    }
    buffer.copy_within(HEADER..length, HEADER + asked.len());
    buffer[HEADER..HEADER + asked.len()].copy_from_slice(asked);
    buffer[5] = 1;
    longer
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &[u8] =
        b"\x01\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x03net\x00\x00\x10\x00\x01";

    #[test]
    fn an_error_without_its_question_gets_it() {
        let asked = question(ASKED).unwrap();
        assert_eq!(asked, &ASKED[HEADER..]);
        let complete = |answer: &[u8]| {
            let mut buffer = [0; 64];
            buffer[..answer.len()].copy_from_slice(answer);
            let length = completed(&mut buffer, answer.len(), asked);
            buffer[..length].to_vec()
        };
        let refused = b"\x01\x02\x81\x05\x00\x00\x00\x00\x00\x00\x00\x00";
        let mut expected = ASKED.to_vec();
        expected[2..4].copy_from_slice(&[0x81, 5]);
        assert_eq!(complete(refused), expected);
        // What stands behind the question, such as an option (RFC 6891), stays behind it.
        let option = b"\x01\x02\x81\x05\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x29";
        expected[11] = 1;
        expected.extend_from_slice(&option[HEADER..]);
        assert_eq!(complete(option), expected);
        for other in [
            &b""[..],
            b"\x01\x02\x81\x05",
            // No error, no answer, and one with a question.
            b"\x01\x02\x81\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            b"\x01\x02\x01\x05\x00\x00\x00\x00\x00\x00\x00\x00",
            &expected,
        ] {
            assert_eq!(complete(other), other);
        }
    }

    #[test]
    fn what_does_not_fit_is_left_alone() {
        let mut buffer = *b"\x01\x02\x81\x05\x00\x00\x00\x00\x00\x00\x00\x00";
        let asked = question(ASKED).unwrap();
        assert_eq!(completed(&mut buffer, HEADER, asked), HEADER);
        assert_eq!(question(&ASKED[..HEADER + 3]), None);
        assert_eq!(question(b"short"), None);
    }
}
