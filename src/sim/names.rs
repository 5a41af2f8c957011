//! What simulated nodes, channels and people are called and say.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// The hashtag channels that are talked on, beside Public.
pub const HASHTAG_CHANNELS: &[&str] = &["#test", "#bot", "#wardriving", "#chat"];
/// A channel whose key no database is given: its texts stay sealed.
pub const PRIVATE_CHANNEL: &str = "#simulated-secret";
/// Regions that packets are scoped to.
pub const REGIONS: &[&str] = &["bayern", "muc"];
/// Airports that observers name as their region.
pub const AIRPORTS: &[&str] = &["MUC", "AGB", "NUE", "FMM"];

const PLACES: &[&str] = &[
    "Olympiaturm",
    "Isarufer",
    "Gasteig",
    "Sendling",
    "Schwabing",
    "Haidhausen",
    "Perlach",
    "Garching",
    "Dachau",
    "Erding",
    "Starnberg",
    "Pasing",
    "Laim",
    "Giesing",
    "Riem",
    "Moosach",
    "Allach",
    "Solln",
    "Grünwald",
    "Freimann",
];
const MARKS: &[&str] = &["", "", "", " 🌳", " 📡", " ☀️", " 🏔", " 🦊", " ⚡"];
const PEOPLE: &[&str] =
    &["Anna", "Beppo", "Clara", "Dieter", "Eva 🦊", "Flo", "Greta", "Hans", "Ida ☕", "Jörg"];
const SAYINGS: &[&str] = &[
    "Guten Morgen zusammen",
    "anyone on the air tonight?",
    "ping",
    "test from the balcony",
    "new antenna is up 📡",
    "reading you over four hops",
    "who runs the repeater on the tower?",
    "battery at 62 %, no sun today",
    "73 and good night 🌙",
    "5/5 here",
];

/// Returns a node's name: at most 23 bytes, so that it fits an advert with position.
pub fn node_name(number: usize, rng: &mut StdRng) -> String {
    let place = PLACES.choose(rng).copied().unwrap_or("Node");
    let mark = MARKS.choose(rng).copied().unwrap_or("");
    let name = format!("{place} {number}{mark}");
    name[..name.floor_char_boundary(23)].to_owned()
}

/// Returns somebody who talks on a channel.
pub fn person(rng: &mut StdRng) -> &'static str {
    PEOPLE.choose(rng).copied().unwrap_or("Anna")
}

/// Returns something to say; rarely twice the same.
pub fn saying(rng: &mut StdRng) -> String {
    let saying = SAYINGS.choose(rng).copied().unwrap_or("ping");
    match rng.random_range(0..3) {
        0 => saying.to_owned(),
        1 => format!("@[{}] {saying}", person(rng)),
        _ => format!("{saying} ({} hops)", rng.random_range(0..12)),
    }
}
