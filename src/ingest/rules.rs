//! The rules of ingest: which message becomes which record (§3.2).

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::clock_skew::{EnvelopeTime, Resolved};
use super::envelope::{Envelope, EnvelopeError, Field, Loose};
use super::reason::{Ignored, Note, RejectCounts, Rejected};
use super::reception::Record;
use super::topic::{Leaf, Topic};
use crate::config::{Config, ForeignAdverts, GeoFilter, MqttSourceConfig};
use crate::mesh::{ChannelKeys, RegionKeys, hashtag_key};

/// The longest payload that is looked at; a packet's envelope has under 2 KiB.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// What is taken and what is not; shared by all sources.
#[derive(Debug)]
pub struct Rules {
    pub(super) channels: ChannelKeys,
    pub(super) regions: RegionKeys,
    pub(super) geo_filter: Option<GeoFilter>,
    pub(super) foreign_adverts: ForeignAdverts,
    pub(super) verify_signatures: bool,
    is_client_coverage: bool,
    /// Trimmed, lower case.
    observer_blacklist: Vec<String>,
    /// Trimmed, upper case; empty for all.
    iata_whitelist: Vec<String>,
    pub(super) counts: RejectCounts,
}

/// What belongs to one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRules {
    /// What it is called.
    pub tag: Arc<str>,
    /// The only regions that packets are taken from, case-sensitive; empty for all.
    pub iata_filter: Vec<String>,
    /// The region of observers whose messages name none.
    pub region: Option<String>,
}

/// One MQTT message.
#[derive(Clone, Debug)]
pub struct Arrival<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// The broker kept it from an earlier time and sent it because we subscribed.
    pub is_retained: bool,
    /// Unix seconds of its receipt.
    pub now_s: i64,
    /// While catching up: when we were last connected, and when again (decision 3).
    pub away_s: Option<RangeInclusive<i64>>,
}

/// What a message comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// Something to remember.
    Record(Record),
    /// Left aside.
    Ignored(Ignored),
    /// Refused.
    Rejected(Rejected),
}

impl From<Record> for Received {
    fn from(record: Record) -> Self {
        Self::Record(record)
    }
}

impl From<Ignored> for Received {
    fn from(reason: Ignored) -> Self {
        Self::Ignored(reason)
    }
}

impl From<Rejected> for Received {
    fn from(reason: Rejected) -> Self {
        Self::Rejected(reason)
    }
}

/// A message whose topic and envelope are read.
pub(super) struct Message<'a> {
    pub source: &'a SourceRules,
    pub arrival: &'a Arrival<'a>,
    pub envelope: Envelope<'a>,
}

impl SourceRules {
    /// Returns the rules of a configured source.
    pub fn of(source: &MqttSourceConfig) -> Self {
        Self {
            tag: source.tag().into(),
            iata_filter: source.iata_filter.clone(),
            region: source.region.clone(),
        }
    }

    fn filters_out(&self, iata: Option<&str>) -> bool {
        !self.iata_filter.is_empty()
            && !iata.is_some_and(|iata| self.iata_filter.iter().any(|allowed| allowed == iata))
    }
}

impl Rules {
    /// Returns the rules that the configuration asks for, with all counts at 0.
    pub fn new(config: &Config) -> Self {
        let ingest = &config.ingest;
        let clean = |list: &[String], case: fn(&str) -> String| -> Vec<String> {
            let names = list.iter().map(|name| case(name.trim()));
            names.filter(|name| !name.is_empty()).collect()
        };
        Self {
            channels: channel_keys(config),
            regions: RegionKeys::from_names(&config.channels.hash_regions),
            geo_filter: config.geo_filter.clone(),
            foreign_adverts: ingest.foreign_adverts,
            verify_signatures: ingest.validate_signatures,
            is_client_coverage: ingest.is_client_coverage,
            observer_blacklist: clean(&ingest.observer_blacklist, str::to_lowercase),
            iata_whitelist: clean(&ingest.observer_iata_whitelist, str::to_uppercase),
            counts: RejectCounts::default(),
        }
    }

    /// Returns the channels that we can read.
    pub fn channels(&self) -> &ChannelKeys {
        &self.channels
    }

    /// Returns the counts of everything that these rules were asked.
    pub fn counts(&self) -> &RejectCounts {
        &self.counts
    }

    /// Says what a message comes to, and counts it. Never panics, whatever the bytes.
    pub fn receive(&self, source: &SourceRules, arrival: &Arrival<'_>) -> Received {
        self.counted(self.route(source, arrival))
    }

    pub(super) fn counted(&self, received: Received) -> Received {
        match received {
            Received::Record(_) => {}
            Received::Ignored(reason) => self.counts.count_ignored(reason),
            Received::Rejected(reason) => self.counts.count_rejected(reason),
        }
        received
    }

    fn route(&self, source: &SourceRules, arrival: &Arrival<'_>) -> Received {
        if arrival.payload.len() > PAYLOAD_BYTES_MAX {
            return Rejected::PayloadTooLarge.into();
        }
        let topic = Topic::parse(arrival.topic);
        if let Some(refusal) = self.refuse_topic(source, &topic) {
            return refusal;
        }
        let text = String::from_utf8_lossy(arrival.payload);
        let envelope = match Envelope::parse(&text) {
            Ok(envelope) => envelope,
            Err(_) if topic.is_unread() => return Ignored::OtherTopic.into(),
            Err(EnvelopeError::NotJson) => return Rejected::NotJson.into(),
            Err(EnvelopeError::NotObject) => return Rejected::NotObject.into(),
        };
        self.dispatch(&topic, &Message { source, arrival, envelope })
    }

    fn dispatch(&self, topic: &Topic<'_>, message: &Message<'_>) -> Received {
        match *topic {
            Topic::Observer { iata, id, leaf: Leaf::Packets } => {
                self.receive_observed(iata, id, message)
            }
            Topic::Observer { iata, id, leaf: Leaf::Status } => {
                self.receive_status(iata, id, message)
            }
            Topic::Client { key } => self.receive_coverage(key, message),
            Topic::Channel { index } => self.receive_channel_text(index, message),
            Topic::Direct => self.receive_direct_text(message),
            Topic::Bridge => Ignored::Bridge.into(),
            Topic::Malformed => Rejected::BadTopic.into(),
            Topic::Observer { leaf: Leaf::Other, .. } | Topic::Other => off_topic(message),
        }
    }

    /// Applies what needs no envelope: lists and filters, in the order of §3.2.
    fn refuse_topic(&self, source: &SourceRules, topic: &Topic<'_>) -> Option<Received> {
        match *topic {
            Topic::Malformed => Some(Rejected::BadTopic.into()),
            Topic::Bridge => Some(Ignored::Bridge.into()),
            Topic::Client { .. } if !self.is_client_coverage => {
                Some(Ignored::CoverageDisabled.into())
            }
            Topic::Client { key } => {
                self.is_blacklisted(key).then(|| Ignored::ObserverBlacklisted.into())
            }
            Topic::Observer { iata, id, leaf } => {
                let filter = Some(source).filter(|_| leaf != Leaf::Status);
                self.refuse_observer(filter, Some(iata), id)
            }
            Topic::Channel { .. } | Topic::Direct | Topic::Other => None,
        }
    }

    /// Applies blacklist, whitelist and a source's filter to an observer.
    pub(super) fn refuse_observer(
        &self,
        source: Option<&SourceRules>,
        iata: Option<&str>,
        id: &str,
    ) -> Option<Received> {
        if self.is_blacklisted(id) {
            return Some(Ignored::ObserverBlacklisted.into());
        }
        if !self.is_whitelisted(iata) {
            return Some(Ignored::RegionNotWhitelisted.into());
        }
        source
            .is_some_and(|source| source.filters_out(iata))
            .then(|| Ignored::RegionFiltered.into())
    }

    fn is_blacklisted(&self, id: &str) -> bool {
        !self.observer_blacklist.is_empty()
            && self.observer_blacklist.contains(&id.trim().to_lowercase())
    }

    fn is_whitelisted(&self, iata: Option<&str>) -> bool {
        self.iata_whitelist.is_empty()
            || iata.is_some_and(|iata| self.iata_whitelist.contains(&iata.trim().to_uppercase()))
    }
}

impl Message<'_> {
    /// The region: the payload's, else the topic's, else the source's; trimmed, upper case.
    pub fn iata(&self, of_topic: Option<&str>) -> Option<String> {
        let named = self.envelope.text(Field::Region);
        let named = named.or_else(|| of_topic.map(str::to_owned));
        let is_blank = |iata: &String| iata.trim().is_empty();
        let iata = named.filter(|iata| !is_blank(iata)).or_else(|| self.source.region.clone());
        iata.map(|iata| iata.trim().to_uppercase()).filter(|iata| !iata.is_empty())
    }

    /// Returns when the message was heard: now; but for a retained message, which says nothing of
    /// now, and for one that lies within our absence while catching up (decision 3), the envelope's
    /// time; the writer, who knows the observer, may still prefer the time of receipt to one without
    /// zone. A clock's skew is told only where the message cannot have waited.
    pub fn heard_at(&self, counts: &RejectCounts) -> Resolved {
        let now_s = self.arrival.now_s;
        let now = Resolved { at_s: now_s, naive_clock_skew_s: None, received_at_s: None };
        let Some(time) = self.envelope_time(counts) else { return now };
        if self.arrival.is_retained {
            return Resolved { naive_clock_skew_s: None, ..time.resolve(now_s) };
        }
        match &self.arrival.away_s {
            Some(away_s) if away_s.contains(&time.at_s) && time.at_s <= now_s => {
                counts.count_note(Note::TimeResumed);
                Resolved { at_s: time.at_s, received_at_s: time.is_naive.then_some(now_s), ..now }
            }
            Some(_) => now,
            None => Resolved { at_s: now_s, ..time.resolve(now_s) },
        }
    }

    /// Returns the envelope's time, `None` (and counted) if it is there and cannot be read.
    pub fn envelope_time(&self, counts: &RejectCounts) -> Option<EnvelopeTime> {
        let time = match self.envelope.get(Field::Timestamp) {
            Loose::Absent => return None,
            Loose::Text(text) => EnvelopeTime::parse(&text),
            _ => None,
        };
        if time.is_none() {
            counts.count_note(Note::TimeUnreadable);
        }
        time
    }

    /// Returns a signal's value in either spelling; one that is not finite is unknown and counted.
    pub fn signal(&self, first: Field, second: Field, counts: &RejectCounts) -> Option<f64> {
        self.envelope.either(first, second).number().unwrap_or_else(|_| {
            counts.count_note(Note::SignalRefused);
            None
        })
    }
}

fn off_topic(message: &Message<'_>) -> Received {
    if message.envelope.text(Field::Raw).is_some() {
        Rejected::RawOffTopic.into()
    } else {
        Ignored::OtherTopic.into()
    }
}

/// Later ranks win: the rainbow file, `hashChannels`, `channelKeys` (§2.6, HZ 18).
fn channel_keys(config: &Config) -> ChannelKeys {
    let channels = &config.channels;
    let named = |(name, key): (&String, &[u8; 16])| (name.clone(), *key);
    let derived = channels.hash_channels.iter().map(|name| (name.clone(), hashtag_key(name)));
    let rainbow = channels.rainbow_keys.iter().map(named);
    ChannelKeys::from_pairs(rainbow.chain(derived).chain(channels.channel_keys.iter().map(named)))
}
