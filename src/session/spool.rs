//! Messages of a session that were fetched before the client asked for them, until it does.
//!
//! In: a message as it is on the wire; out: the same octets, once. They are in memory while that is plentiful: all spools
//! take half of `limits.held_bytes` at most, and one of them a sixteenth. Others are in a file without a name in the data
//! directory, which is gone with the session, however that ends; all of them take `limits.spool_bytes` at most.
//!
//! What cannot be kept, or cannot be read in time, is fetched from the server again.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout, timeout_at};

use super::exchange::SpoolRequest;
use super::service::Service;
use crate::platform::file_access;
use crate::pop3::UpstreamNumber;
use crate::thread_pool::NotDone;

/// What all spools take of the octets that sessions hold in memory, and what one does.
const ALL: usize = 2;
const ONE: usize = 16;

/// How long a client waits for a message that is in a file.
const READING: Duration = Duration::from_secs(5);

/// Where a message is.
#[derive(Debug)]
enum Place {
    Memory(Bytes),
    File { at: u64, octets: usize },
}

/// See the module.
#[derive(Debug)]
pub(super) struct Spool<'s> {
    service: &'s Service,
    /// Sessions do not wait for each other's files.
    lane: u64,
    messages: HashMap<UpstreamNumber, Place>,
    in_memory: usize,
    file: Option<Arc<File>>,
    /// Octets of the file.
    in_file: usize,
}

impl<'s> Spool<'s> {
    /// Nothing yet.
    pub(super) fn new(service: &'s Service) -> Self {
        Self {
            service,
            lane: fastrand::u64(..),
            messages: HashMap::new(),
            in_memory: 0,
            file: None,
            in_file: 0,
        }
    }

    /// Keeps a message; returns whether it does.
    pub(super) async fn keep(&mut self, request: SpoolRequest) -> bool {
        let octets = request.wire.len();
        let place = match self.reserve(octets) {
            // A copy of its own: it would keep the whole buffer that it came in.
            true => Some(Place::Memory(Bytes::copy_from_slice(&request.wire))),
            false => self.write(&request).await,
        };
        let is_kept = place.is_some();
        if let Some(place) = place {
            self.messages.insert(request.message, place);
        }
        is_kept
    }

    /// Takes octets of what all sessions may hold.
    fn reserve(&mut self, octets: usize) -> bool {
        let Service { quotas, limits, .. } = self.service;
        let fits = self.in_memory + octets <= limits.held_bytes / ONE;
        let takes = fits && quotas.held.take(octets, limits.held_bytes / ALL);
        if takes {
            self.in_memory += octets;
            self.service.metrics.holds(octets as i64);
        }
        takes
    }

    fn give_back(&mut self, octets: usize) {
        if octets > 0 {
            self.in_memory -= octets;
            self.service.metrics.holds(-(octets as i64));
            self.service.quotas.held.give_back(octets);
        }
    }

    async fn write(&mut self, request: &SpoolRequest) -> Option<Place> {
        let octets = request.wire.len();
        let Service { quotas, limits, .. } = self.service;
        let folder = self.service.spool_folder.clone()?;
        if !quotas.spooled.take(octets, limits.spool_bytes) {
            self.log("limits.spool_bytes is reached");
            return None;
        }
        let at = self.in_file as u64;
        // What fails may have been written in part: that part stays counted, and is not used again.
        self.in_file += octets;
        self.service.metrics.spools(octets as i64);
        let (file, wire) = (self.file.clone(), request.wire.clone());
        let written = self.service.disk.run(self.lane, move || {
            let file = match file {
                Some(file) => file,
                None => Arc::new(tempfile::tempfile_in(&*folder)?),
            };
            file_access::write_all_at(&file, &wire, at)?;
            io::Result::Ok(file)
        });
        let deadline = Instant::from_std(request.deadline);
        match timeout_at(deadline, written).await {
            Ok(Ok(Ok(file))) => {
                self.file = Some(file);
                return Some(Place::File { at, octets });
            }
            Ok(Ok(Err(error))) => self.log(&error.to_string()),
            Ok(Err(NotDone::Panicked)) => {}
            Ok(Err(why)) => self.log(&why.to_string()),
            Err(_) => self.log("it takes too long"),
        }
        None
    }

    /// A disk that is full concerns every message.
    fn log(&self, error: &str) {
        if let Some(suppressed) = self.service.may_log("spool") {
            let suppressed = suppressed.lines();
            tracing::warn!(
                suppressed,
                error,
                "a message that was fetched for a mailbox in hide mode cannot be kept; it is fetched again"
            );
        }
    }

    /// A message that is kept, for the last time or not.
    pub(super) async fn read(&mut self, message: UpstreamNumber, is_last: bool) -> Option<Bytes> {
        let wire = self.wire(message).await;
        if is_last && let Some(Place::Memory(wire)) = self.messages.remove(&message) {
            self.give_back(wire.len());
        }
        wire
    }

    async fn wire(&mut self, message: UpstreamNumber) -> Option<Bytes> {
        let (at, octets) = match self.messages.get(&message)? {
            Place::Memory(wire) => return Some(wire.clone()),
            Place::File { at, octets } => (*at, *octets),
        };
        let file = self.file.clone()?;
        let read = self.service.disk.run(self.lane, move || {
            let mut wire = vec![0; octets];
            file_access::read_exact_at(&file, &mut wire, at)?;
            io::Result::Ok(wire)
        });
        match timeout(READING, read).await {
            Ok(Ok(Ok(wire))) => Some(wire.into()),
            Ok(Ok(Err(error))) => {
                self.log(&error.to_string());
                None
            }
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

impl Drop for Spool<'_> {
    fn drop(&mut self) {
        self.give_back(self.in_memory);
        if self.in_file > 0 {
            self.service.metrics.spools(-(self.in_file as i64));
            self.service.quotas.spooled.give_back(self.in_file);
        }
    }
}
