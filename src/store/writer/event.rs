//! What the writer tells those who count.

use std::sync::Arc;
use std::time::Duration;

use super::super::store_error::StoreErrorKind;

/// What happens to changes, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriterEvent {
    /// So many changes wait, and the batch that is being applied.
    Waiting {
        /// Their number.
        changes: usize,
        /// Their octets in memory.
        octets: usize,
    },
    /// A batch was applied.
    Applied {
        /// Its changes.
        changes: usize,
        /// How long it took.
        took: Duration,
    },
    /// A batch could not be applied.
    Failed(StoreErrorKind),
    /// So many rows of the history are kept without features: too much waits.
    FeaturesLeftOut(usize),
    /// Changes are lost.
    Dropped {
        /// Their number.
        changes: usize,
        /// Why.
        why: Dropped,
    },
}

/// Why changes are lost: a label of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// The queue is full.
    QueueFull,
    /// The store refuses them, or is damaged.
    Refused,
    /// popgate stops before they are written.
    Stopped,
}

impl Dropped {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::QueueFull, Self::Refused, Self::Stopped];

    /// The value of the label.
    pub fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// Called with each event, by the thread that causes it: it must not wait.
pub type Observe = Arc<dyn Fn(WriterEvent) + Send + Sync>;
