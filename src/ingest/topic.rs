//! What a topic says about the message (§3.2).

/// Longer topics are refused; real ones have about 90 bytes.
const TOPIC_BYTES_MAX: usize = 1024;

/// What a message is about, by its topic alone. `p[0]` is not looked at where an observer speaks:
/// the subscription has chosen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    /// `…/<IATA>/<OBSERVER>/…`
    Observer {
        /// As written.
        iata: &'a str,
        /// As written, case kept; never blank.
        id: &'a str,
        /// What the observer tells.
        leaf: Leaf,
    },
    /// `…/client/<KEY>/packets`: a mobile client's reception.
    Client {
        /// As written.
        key: &'a str,
    },
    /// `meshcore/message/channel/<n>`: a companion's channel text.
    Channel {
        /// The fourth level, empty if there is none.
        index: &'a str,
    },
    /// `meshcore/message/direct/…`: a companion's direct message.
    Direct,
    /// `meshcore/status`, `meshcore/events/connection`: of the bridge, not of the mesh.
    Bridge,
    /// Nothing that we read.
    Other,
    /// Not a topic that MQTT allows, a blank observer, or over 1024 bytes.
    Malformed,
}

/// The last level of an observer's topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// `packets`, the fourth and last level.
    Packets,
    /// `status`, the fourth level.
    Status,
    /// Anything else.
    Other,
}

impl<'a> Topic<'a> {
    /// Reads a topic.
    pub fn parse(topic: &'a str) -> Self {
        if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX || topic.contains('\0') {
            return Self::Malformed;
        }
        if topic == "meshcore/status" || topic == "meshcore/events/connection" {
            return Self::Bridge;
        }
        let mut levels = topic.split('/');
        let levels: [Option<&str>; 5] = std::array::from_fn(|_| levels.next());
        match levels {
            [Some("meshcore"), Some("message"), Some("channel"), index, _] => {
                Self::Channel { index: index.unwrap_or("") }
            }
            [Some("meshcore"), Some("message"), Some("direct"), ..] => Self::Direct,
            [_, Some("client"), Some(key), Some("packets"), None] => Self::Client { key },
            [_, Some("client"), ..] => Self::Other,
            [_, Some(_), Some(id), Some(_), _] if id.trim().is_empty() => Self::Malformed,
            [_, Some(iata), Some(id), leaf, rest] => {
                Self::Observer { iata, id, leaf: Leaf::of(leaf, rest.is_none()) }
            }
            _ => Self::Other,
        }
    }
}

impl Topic<'_> {
    /// Says whether nothing of ours is told under this topic.
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Other | Self::Observer { leaf: Leaf::Other, .. })
    }
}

impl Leaf {
    fn of(level: Option<&str>, is_last: bool) -> Self {
        match level {
            Some("packets") if is_last => Self::Packets,
            Some("status") => Self::Status,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observer<'a>(iata: &'a str, id: &'a str, leaf: Leaf) -> Topic<'a> {
        Topic::Observer { iata, id, leaf }
    }

    #[test]
    fn every_topic_of_the_routing_table_is_told_apart() {
        let long = "a/".repeat(600);
        let cases = [
            ("meshcore/PAR/AB12/packets", observer("PAR", "AB12", Leaf::Packets)),
            ("other/PAR/AB12/packets", observer("PAR", "AB12", Leaf::Packets)),
            ("meshcore/PAR/My Observer/status", observer("PAR", "My Observer", Leaf::Status)),
            ("meshcore/PAR/AB12/status/x", observer("PAR", "AB12", Leaf::Status)),
            ("meshcore/PAR/AB12/packets/x", observer("PAR", "AB12", Leaf::Other)),
            ("meshcore/PAR/AB12/neighbors", observer("PAR", "AB12", Leaf::Other)),
            ("meshcore/PAR/AB12", observer("PAR", "AB12", Leaf::Other)),
            ("meshcore/client/ab12/packets", Topic::Client { key: "ab12" }),
            ("meshcore/client/ab12/status", Topic::Other),
            ("meshcore/message/channel/3", Topic::Channel { index: "3" }),
            ("meshcore/message/channel", Topic::Channel { index: "" }),
            ("meshcore/message/direct/x", Topic::Direct),
            ("meshcore/status", Topic::Bridge),
            ("meshcore/events/connection", Topic::Bridge),
            ("meshcore", Topic::Other),
            ("meshcore/PAR", Topic::Other),
            ("meshcore/PAR//packets", Topic::Malformed),
            ("meshcore/PAR/ /status", Topic::Malformed),
            ("meshcore/P\0R/AB/packets", Topic::Malformed),
            ("", Topic::Malformed),
            (&long, Topic::Malformed),
        ];
        for (text, expected) in cases {
            assert_eq!(Topic::parse(text), expected, "{text:?}");
        }
    }
}
