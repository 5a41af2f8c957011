//! From a received message to Intake, in order.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rumqttc::{ManualAck, PubAck, PubRec, Publish, QoS};

use super::catch_up::CatchUp;
use super::receipts::Receipts;
use super::shared::{Heard, Shared};
use crate::actors::delivery::{Delivery, Receipt};
use crate::ingest::Arrival;
use crate::ingest::Rejected;
use crate::ingest::reception::Record;

/// What one connection has received and not yet handed in. QoS 1 messages wait here while Intake
/// is full; meanwhile they are not acknowledged, so the broker stops at the end of its window.
pub struct IntakeQueue<'a> {
    shared: &'a Shared,
    receipts: Receipts,
    held: VecDeque<Delivery>,
    catch_up: Option<CatchUp>,
}

impl<'a> IntakeQueue<'a> {
    /// Starts empty.
    pub fn new(shared: &'a Shared, receipts: Receipts) -> Self {
        Self { shared, receipts, held: VecDeque::new(), catch_up: None }
    }

    /// Returns the receipts of this connection.
    pub fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    /// Lets messages carry their envelope's time until all that the broker held is here.
    pub fn catch_up(&mut self, catch_up: CatchUp) {
        self.catch_up = Some(catch_up);
    }

    /// Tells whether messages wait for Intake.
    pub fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Tells whether more may be read.
    pub fn has_room(&self) -> bool {
        self.held.len() < self.shared.settings.pace.held_max
    }

    /// Decodes a message and hands it in. Ignored and rejected QoS 1 messages take the same way,
    /// or their acknowledgements would overtake others.
    pub fn take(&mut self, publish: &Publish) {
        let now = self.shared.now();
        self.shared.status.note_receipt(now, publish.retain);
        let heard = self.decode(publish);
        let record = self.count(heard);
        self.shared.status.note_message(now.unix_s);
        let source = self.shared.settings.tag.clone();
        match ack_of(publish) {
            Some(ack) => {
                let receipt = self.receipts.open(ack);
                self.enter(Delivery { source, record, receipt });
            }
            None if record.is_some() => {
                let delivery = Delivery { source, record, receipt: Receipt::None };
                if !self.shared.door.offer(delivery) {
                    self.shared.status.note_dropped(now.unix_s);
                }
            }
            None => {}
        }
    }

    /// Tries again to hand in what waits, in order.
    pub fn try_enter_held(&mut self) {
        while let Some(delivery) = self.held.pop_front() {
            if let Some(back) = self.shared.door.try_enter(delivery) {
                self.held.push_front(back);
                break;
            }
        }
        self.shared.status.show_held(self.held.len());
        if let Some(catch_up) = self.catch_up.as_mut().filter(|_| !self.held.is_empty()) {
            // The broker is silent because we are.
            catch_up.note_held(self.shared.clock.monotonic());
        }
    }

    /// Drops what waits; never acknowledged, it comes again with the next connection.
    pub fn forget_held(&mut self) {
        self.held.clear();
        self.shared.status.show_held(0);
    }

    fn enter(&mut self, delivery: Delivery) {
        let back = if self.held.is_empty() {
            self.shared.door.try_enter(delivery)
        } else {
            Some(delivery)
        };
        if let Some(delivery) = back {
            self.held.push_back(delivery);
            self.shared.status.show_held(self.held.len());
        }
    }

    fn decode(&mut self, publish: &Publish) -> Heard {
        self.is_catching_up();
        let Ok(topic) = std::str::from_utf8(&publish.topic) else {
            return Heard::Rejected(Rejected::BadTopic.as_str());
        };
        let may_be_held = publish.qos != QoS::AtMostOnce && !publish.retain;
        let arrival = Arrival {
            topic,
            payload: &publish.payload,
            is_retained: publish.retain,
            now_s: self.shared.clock.now_s(),
            away_s: self.catch_up.as_ref().filter(|_| may_be_held).map(CatchUp::away_s),
        };
        let decode = AssertUnwindSafe(|| (self.shared.decode)(&arrival));
        catch_unwind(decode).unwrap_or_else(|_| {
            // Not acknowledged, it would come again for ever.
            self.shared.status.note_panic();
            tracing::error!(
                source = &*self.shared.settings.tag,
                topic,
                "decoding a message panicked; it is skipped"
            );
            Heard::Rejected("rejected_panic")
        })
    }

    fn count(&mut self, heard: Heard) -> Option<Record> {
        let now = self.shared.clock.monotonic();
        let mut is_held = false;
        let record = match heard {
            Heard::Record { record, is_resumed } => {
                is_held = is_resumed;
                Some(record)
            }
            Heard::Ignored(reason) => {
                self.shared.status.note_ignored(reason);
                None
            }
            Heard::Rejected(reason) => {
                self.shared.status.note_rejected(reason);
                None
            }
        };
        match &mut self.catch_up {
            Some(catch_up) if is_held => {
                catch_up.note_held(now);
                self.shared.status.note_resumed();
            }
            _ => {}
        }
        record
    }

    /// Tells whether the broker may still hold messages of our time away.
    pub fn is_catching_up(&mut self) -> bool {
        let now = self.shared.clock.monotonic();
        self.catch_up.take_if(|catch_up| catch_up.is_over(now));
        self.catch_up.is_some()
    }
}

fn ack_of(publish: &Publish) -> Option<ManualAck> {
    match publish.qos {
        QoS::AtMostOnce => None,
        QoS::AtLeastOnce => Some(ManualAck::PubAck(PubAck::new(publish.pkid))),
        QoS::ExactlyOnce => Some(ManualAck::PubRec(PubRec::new(publish.pkid))),
    }
}
