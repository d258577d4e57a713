//! One side of a session: a TCP stream, with or without TLS over it.
//!
//! In: what the peer sends; out: bytes in the caller's buffer. An idle stream has no buffer: its first
//! bytes are read into a scratch buffer of the thread and copied out.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// With this much free space, bytes are read directly into the caller's buffer.
const DIRECT: usize = 16 << 10;
/// The most that one read of an idle stream takes: usually a whole message.
const SCRATCH: usize = 64 << 10;

thread_local! {
    static SCRATCH_BYTES: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
}

/// A connection to a client or to a server.
#[derive(Debug)]
pub struct Stream {
    kind: Kind,
    /// The most that one read takes: lets tests cut the stream into pieces of any size.
    read_limit: usize,
}

#[derive(Debug)]
enum Kind {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A pipe within the process.
    Memory(DuplexStream),
    /// Taken out to start TLS on it.
    Gone,
}

impl Stream {
    /// A plain stream. Small writes are sent at once: Nagle's algorithm and the peer's delayed
    /// acknowledgement would delay the end of a response by 40 ms.
    ///
    /// # Errors
    /// The system's, if the socket is gone already.
    pub fn plain(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self {
            kind: Kind::Plain(tcp),
            read_limit: usize::MAX,
        })
    }

    /// A stream over which TLS is established, by either side.
    pub fn tls(stream: impl Into<TlsStream<TcpStream>>) -> Self {
        Self {
            kind: Kind::Tls(Box::new(stream.into())),
            read_limit: usize::MAX,
        }
    }

    /// One end of a pipe within the process, so that tests need neither a socket nor the system's clock.
    pub fn memory(pipe: DuplexStream) -> Self {
        Self {
            kind: Kind::Memory(pipe),
            read_limit: usize::MAX,
        }
    }

    /// Whether it is protected by TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.kind, Kind::Tls(_))
    }

    /// The peer's certificate, and the version of TLS.
    pub fn peer_certificate(&self) -> Option<(CertificateDer<'static>, ProtocolVersion)> {
        let Kind::Tls(tls) = &self.kind else {
            return None;
        };
        let (_, connection) = tls.get_ref();
        let certificate = connection.peer_certificates()?.first()?.clone();
        Some((certificate.into_owned(), connection.protocol_version()?))
    }

    /// Makes each read take at most this many bytes, so that tests see every split.
    pub fn with_read_limit(mut self, read_limit: usize) -> Self {
        self.read_limit = read_limit.max(1);
        self
    }

    /// The plain TCP stream below, if there is no TLS yet.
    pub fn into_plain(mut self) -> Option<TcpStream> {
        self.take_plain()
    }

    /// Closes the connection without the end of TLS, as servers and clients do that do not keep to its rules:
    /// for tests.
    pub fn cut(mut self) {
        self.kind = Kind::Gone;
    }

    /// Takes the plain TCP stream below, if there is no TLS yet; nothing can be sent or read then,
    /// until another stream takes its place.
    pub fn take_plain(&mut self) -> Option<TcpStream> {
        match std::mem::replace(&mut self.kind, Kind::Gone) {
            Kind::Plain(tcp) => Some(tcp),
            other => {
                self.kind = other;
                None
            }
        }
    }

    /// Limits the octets that TLS buffers because the socket does not accept them.
    pub fn limit_tls_buffer(&mut self, most: usize) {
        if let Kind::Tls(tls) = &mut self.kind {
            match &mut **tls {
                TlsStream::Client(tls) => tls.get_mut().1.set_buffer_limit(Some(most)),
                TlsStream::Server(tls) => tls.get_mut().1.set_buffer_limit(Some(most)),
            }
        }
    }

    /// Registers the socket with the event loop that this runs on, instead of the one that it was made on.
    ///
    /// # Errors
    /// The system's, as when descriptors run out; the stream works as before then.
    pub fn move_to_this_event_loop(&mut self) -> io::Result<()> {
        let tcp = match &mut self.kind {
            Kind::Plain(tcp) => tcp,
            Kind::Tls(tls) => tls.get_mut().0,
            Kind::Memory(_) | Kind::Gone => return Ok(()),
        };
        // Another descriptor of the same socket: the TLS above stays where it is.
        let socket = SockRef::from(&*tcp).try_clone()?;
        *tcp = TcpStream::from_std(socket.into())?;
        Ok(())
    }

    /// Reads once into `room`; `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// The system's or TLS's.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let most = room.len().min(self.read_limit);
        let mut room = ReadBuf::new(&mut room[..most]);
        ready!(Pin::new(self).poll_read(cx, &mut room))?;
        Poll::Ready(Ok(room.filled().len()))
    }

    /// Appends what has arrived to `buffer`, at most this many octets; `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// The system's or TLS's.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let read_limit = self.read_limit.min(most);
        if buffer.capacity() - buffer.len() >= DIRECT {
            let mut room = buffer.limit(read_limit);
            let read = pin!(self.read_buf(&mut room));
            return read.poll(cx);
        }
        SCRATCH_BYTES.with_borrow_mut(|scratch| {
            let most = scratch.len().min(read_limit);
            let mut room = ReadBuf::new(&mut scratch[..most]);
            ready!(Pin::new(self).poll_read(cx, &mut room))?;
            buffer.extend_from_slice(room.filled());
            Poll::Ready(Ok(room.filled().len()))
        })
    }
}

impl Drop for Stream {
    /// Ends TLS as RFC 8446 section 6.1 wants it, whatever the reason of the end: with close_notify. It does
    /// not wait: what the socket does not take at once is lost.
    fn drop(&mut self) {
        if let Kind::Tls(tls) = &mut self.kind {
            end_tls(tls);
        }
    }
}

fn end_tls(tls: &mut TlsStream<TcpStream>) {
    // Records are some 30 octets; more are those that a peer has not read.
    let mut records = Vec::with_capacity(64);
    let tcp = match tls {
        TlsStream::Client(tls) => {
            let (tcp, session) = tls.get_mut();
            session.send_close_notify();
            while session.wants_write() && session.write_tls(&mut records).is_ok() {}
            tcp
        }
        TlsStream::Server(tls) => {
            let (tcp, session) = tls.get_mut();
            session.send_close_notify();
            while session.wants_write() && session.write_tls(&mut records).is_ok() {}
            tcp
        }
    };
    let socket = SockRef::from(&*tcp);
    let mut socket = &*socket;
    // The results are ignored: the connection ends here, and the peer may have closed.
    let _ = socket.write(&records);
    // A socket that is closed with unread octets, such as the peer's own close_notify, resets the
    // connection, and the peer could lose what it was sent.
    let mut unread = [0; 4 << 10];
    for _ in 0..16 {
        if !matches!(socket.read(&mut unread), Ok(1..)) {
            break;
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(tcp) => Pin::new(tcp).poll_read(cx, room),
            Kind::Tls(tls) => {
                let read = ready!(Pin::new(&mut **tls).poll_read(cx, room));
                Poll::Ready(match (read, &**tls) {
                    // Many mail programs just close. A command that an attacker cut off is no command, so nothing
                    // is lost by taking it for an end; a server's answer is another matter.
                    (Err(error), TlsStream::Server(_))
                        if error.kind() == io::ErrorKind::UnexpectedEof =>
                    {
                        Ok(())
                    }
                    (read, _) => read,
                })
            }
            Kind::Memory(pipe) => Pin::new(pipe).poll_read(cx, room),
            Kind::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Kind::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
            Kind::Memory(pipe) => Pin::new(pipe).poll_write(cx, bytes),
            Kind::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Kind::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
            Kind::Memory(pipe) => Pin::new(pipe).poll_write_vectored(cx, slices),
            Kind::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Kind::Tls(tls) => Pin::new(tls).poll_flush(cx),
            Kind::Memory(pipe) => Pin::new(pipe).poll_flush(cx),
            Kind::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Kind::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            Kind::Memory(pipe) => Pin::new(pipe).poll_shutdown(cx),
            Kind::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}
