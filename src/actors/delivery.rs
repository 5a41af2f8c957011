//! What a source hands to Intake, and who is told when it is durable.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::db::StoredPacket;
use crate::ingest::reception::Record;

/// One message of a source, in the order in which the source received it.
#[derive(Debug)]
pub struct Delivery {
    /// The source's tag (its name, else its broker).
    pub source: Arc<str>,
    /// What to remember; `None` for an ignored or rejected message, which passes through the same
    /// queue so that acknowledgements keep the order of arrival.
    pub record: Option<Record>,
    /// Who waits for it.
    pub receipt: Receipt,
}

/// Who is told when a delivery is durably committed. Dropped unused when it never was.
pub enum Receipt {
    /// Nobody (QoS 0).
    None,
    /// Called once, in order of arrival, after the group's durable commit (QoS 1: the broker is
    /// acknowledged).
    Committed(Box<dyn FnOnce() + Send>),
    /// Told what was stored, or why this one record was not.
    Answer(oneshot::Sender<Result<StoredPacket, String>>),
}

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Committed(_) => "Committed",
            Self::Answer(_) => "Answer",
        })
    }
}

/// Where sources hand in their deliveries. Never blocks.
pub trait IntakeDoor: Send + Sync {
    /// QoS 0: takes it, or drops and counts it under its source and returns `false` when full.
    fn offer(&self, delivery: Delivery) -> bool;

    /// QoS 1: returns the delivery when full, so that the source keeps it and tries again.
    fn try_enter(&self, delivery: Delivery) -> Option<Delivery>;
}
