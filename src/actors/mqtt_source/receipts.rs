//! The way back from a durable commit to the broker's acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Acquire};

use rumqttc::{AsyncClient, ManualAck};

use crate::actors::delivery::Receipt;
use crate::ingest::source_status::SourceStatus;

/// The receipts of one connection. They hold that connection's client, so a receipt that is called
/// after a reconnect cannot acknowledge a packet id of the new connection: it only counts as stale,
/// and the broker delivers that message again.
#[derive(Clone)]
pub struct Receipts {
    client: AsyncClient,
    open: Arc<Open>,
    status: Arc<SourceStatus>,
}

#[derive(Default)]
struct Open {
    pending: AtomicU32,
    abandoned: AtomicU32,
}

impl Receipts {
    /// Starts with none.
    pub fn new(client: AsyncClient, status: Arc<SourceStatus>) -> Self {
        Self { client, open: Arc::default(), status }
    }

    /// Makes the receipt that sends `ack` when it is called.
    pub fn open(&self, ack: ManualAck) -> Receipt {
        self.open.pending.fetch_add(1, AcqRel);
        self.status.add_pending();
        let pending = Pending { receipts: self.clone(), ack: Some(ack) };
        Receipt::Committed(Box::new(move || pending.acknowledge()))
    }

    /// Returns how many are neither called nor dropped.
    pub fn pending(&self) -> u32 {
        self.open.pending.load(Acquire)
    }

    /// Returns how many were dropped uncalled: those messages stay with the broker until the
    /// next connection.
    pub fn abandoned(&self) -> u32 {
        self.open.abandoned.load(Acquire)
    }
}

struct Pending {
    receipts: Receipts,
    ack: Option<ManualAck>,
}

impl Pending {
    fn acknowledge(mut self) {
        if let Some(ack) = self.ack.take() {
            // The queue is not bounded by itself, but by the broker's window and `held_max`.
            let is_queued = self.receipts.client.try_manual_ack(ack).is_ok();
            self.receipts.status.note_committed(is_queued);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.ack.is_some() {
            self.receipts.open.abandoned.fetch_add(1, AcqRel);
        }
        self.receipts.open.pending.fetch_sub(1, AcqRel);
        self.receipts.status.end_pending();
    }
}
