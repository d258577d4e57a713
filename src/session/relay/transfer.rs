//! Octets between the exchange and the two connections: writes to either side, and the wait for both.

use std::future::poll_fn;
use std::task::Poll;

use tokio::time::{Instant, timeout};

use super::{Relay, memory, now};
use crate::metrics::Flow;
use crate::pop3::secret;
use crate::session::exchange::Wait;
use crate::session::failure::Failure;
use crate::session::long_line::poll_client;

impl Relay<'_> {
    pub(super) async fn write_upstream(&mut self) -> Result<(), Failure> {
        let mut bytes = self.exchange.take_upstream_output();
        let Some(upstream) = &mut self.upstream else {
            return Ok(());
        };
        let limit = self.exchange.upstream_read();
        let sent = timeout(limit, upstream.connection.send(&bytes)).await;
        self.service.metrics.bytes(Flow::UpstreamOut, bytes.len());
        // It may have contained a password.
        secret::wipe(&mut bytes);
        match sent {
            // An upstream may have sent an error before it closed: it is read first.
            Ok(_) => Ok(()),
            Err(_) => self
                .exchange
                .upstream_failed(Failure::UpstreamStalled(limit)),
        }
    }

    /// Writes all output to the client.
    pub(super) async fn write_client(&mut self) -> Result<(), Failure> {
        memory::limit_tls_buffer(&self.held, &mut self.connection.stream);
        let limit = self.service.timeouts.client_write;
        let began = Instant::now();
        let Self {
            connection,
            exchange,
            timer,
            held,
            ..
        } = self;
        let before = exchange.client_output().len();
        let mut last = before;
        let mut deadline = began + limit;
        let mut has_waited = false;
        let mut waiting = memory::Waiting::new(exchange);
        let written = poll_fn(|cx| {
            if let Poll::Ready(written) = connection.poll_write(cx, exchange.client_output()) {
                return Poll::Ready(written.map_err(|error| Failure::ClientGone(Some(error))));
            }
            has_waited = true;
            waiting.wait(held, exchange, connection.stream.is_tls());
            let left = exchange.client_output().len();
            if left < last {
                last = left;
                deadline = Instant::now() + limit;
            }
            timer
                .poll_due(cx, deadline)
                .map(|()| Err(Failure::ClientStalled(limit)))
        })
        .await;
        let octets = before - self.exchange.client_output().len();
        self.service.metrics.bytes(Flow::ClientOut, octets);
        self.log.to_client += octets as u64;
        written?;
        let ended = match has_waited {
            true => Instant::now(),
            false => began,
        };
        let waited = has_waited.then(|| ended.duration_since(began));
        self.exchange.client_written(waited, ended.into_std());
        Ok(())
    }

    /// Waits for bytes of either side, a deadline, or the signal to stop.
    pub(super) async fn wait(&mut self, wait: Wait) -> Result<(), Failure> {
        if !self.long_line.admits(&mut self.exchange) {
            return Ok(());
        }
        let room = memory::room(&mut self.held, &mut self.exchange, wait.memory);
        let mut deadline = Instant::from_std(wait.deadline);
        let mut freed = None;
        if room == 0 {
            deadline = deadline.min(self.held.wait_until());
            self.exchange.upstream_not_read();
            freed = Some(Box::pin(self.service.quotas.held.freed()));
        }
        let Self {
            connection,
            upstream,
            exchange,
            timer,
            drain,
            is_draining,
            service,
            log,
            ..
        } = self;
        let metrics = &service.metrics;
        poll_fn(|cx| {
            let mut is_ready = false;
            if wait.read_upstream
                && room > 0
                && let Some((upstream, buffer)) = upstream.as_mut().zip(exchange.upstream_buffer())
                && let Poll::Ready(read) = upstream.connection.poll_read(cx, buffer, room)
            {
                match read {
                    Ok(read) => {
                        metrics.bytes(Flow::UpstreamIn, read);
                        log.from_upstream += read as u64;
                        exchange.upstream_received(read, now());
                    }
                    Err(error) => exchange.upstream_broke(error),
                }
                is_ready = true;
            }
            if wait.read_client
                && let Poll::Ready(read) = poll_client(connection, exchange, cx)
            {
                let read = read.map_err(|error| Failure::ClientGone(Some(error)))?;
                metrics.bytes(Flow::ClientIn, read);
                exchange.client_received(read, now());
                is_ready = true;
            }
            if !*is_draining && drain.as_mut().poll(cx).is_ready() {
                *is_draining = true;
                exchange.drain(now());
                is_ready = true;
            }
            if let Some(freed) = &mut freed {
                is_ready |= freed.as_mut().poll(cx).is_ready();
            }
            match is_ready {
                true => Poll::Ready(Ok::<_, Failure>(())),
                false => timer.poll_due(cx, deadline).map(Ok),
            }
        })
        .await?;
        if self.held.stands_still() {
            self.exchange.hold_no_longer(now());
        }
        Ok(())
    }
}
