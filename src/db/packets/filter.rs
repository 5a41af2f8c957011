//! What a list of packets is filtered by.

/// What a packet list is filtered by (contract §3.1, the in-memory column; decision 25). Absent
/// and empty parts filter nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Exactly this payload type.
    pub payload_type: Option<i64>,
    /// Exactly this route type.
    pub route_type: Option<i64>,
    /// Heard by any of these observers.
    pub observers: Vec<String>,
    /// Content hash, case-insensitive.
    pub hash: Option<String>,
    /// By `first_seen`.
    pub span: Span,
    /// Heard by an observer of any of these regions, upper case. An unknown one has no rows.
    pub regions: Vec<String>,
    /// Adverts of these public keys, lower case.
    pub senders: Option<Vec<String>>,
    /// Sent or relayed by this public key, lower case.
    pub node: Option<String>,
    /// A channel's name, or `enc_` and the channel's hash byte in hex. Group texts only.
    pub channel: Option<String>,
}

/// A range of `first_seen`, compared as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Later than this.
    pub since: Option<String>,
    /// Earlier than this.
    pub until: Option<String>,
    /// Whether the ends belong to it.
    pub is_inclusive: bool,
}

impl Span {
    /// Whether nothing is excluded.
    pub fn is_everything(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }
}

impl Filter {
    /// Whether every transmission matches.
    pub fn is_empty(&self) -> bool {
        self.payload_type.is_none()
            && self.route_type.is_none()
            && self.hash.is_none()
            && self.span.is_everything()
            && self.senders.is_none()
            && self.node.is_none()
            && self.channel.is_none()
            && self.observers.is_empty()
            && self.regions.is_empty()
    }
}
