//! What the nodes of a simulated mesh send: every payload type, signed and sealed as on the air.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use super::names;
use super::network::{Network, Node, Role};
use crate::mesh::encode::{EncodeError, Route, advert, plain, sealed};
use crate::mesh::{ChannelSecret, PayloadType};

/// One packet as its sender puts it on the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Who sends: index of a node.
    pub origin: usize,
    /// What it carries.
    pub payload_type: PayloadType,
    /// The payload.
    pub payload: Vec<u8>,
    /// How it travels.
    pub way: Way,
    /// Bytes per hop.
    pub hash_size: usize,
    /// Set for a packet scoped to a region.
    pub transport_codes: Option<[u8; 4]>,
}

/// How a packet travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To everybody.
    Flood,
    /// Along repeaters to this node.
    Direct(usize),
    /// To direct neighbours only.
    ZeroHop,
    /// A TRACE towards this node and back.
    Trace(usize),
}

impl Sending {
    /// Returns the frame with this path, as one of those who hear it does.
    ///
    /// # Errors
    /// If the path does not fit.
    pub fn frame(&self, path: &[u8]) -> Result<Vec<u8>, EncodeError> {
        let route = match self.way {
            Way::Flood => Route::flood(self.hash_size).with_path(path),
            Way::Direct(_) => Route::direct(self.hash_size, path),
            Way::ZeroHop => Route::zero_hop(),
            Way::Trace(_) => Route::direct(1, path),
        };
        let route = match self.transport_codes {
            Some(codes) => route.with_transport_codes(codes),
            None => route,
        };
        route.frame(self.payload_type, &self.payload)
    }
}

/// How often each kind is sent, of 200; about the mix of real meshes.
const MIX: &[(PayloadType, u32)] = &[
    (PayloadType::GrpTxt, 62),
    (PayloadType::Advert, 42),
    (PayloadType::Response, 24),
    (PayloadType::Req, 22),
    (PayloadType::TxtMsg, 16),
    (PayloadType::Ack, 10),
    (PayloadType::Path, 7),
    (PayloadType::AnonReq, 6),
    (PayloadType::Trace, 3),
    (PayloadType::Control, 3),
    (PayloadType::GrpData, 2),
    (PayloadType::Multipart, 2),
    (PayloadType::RawCustom, 1),
];

/// Draws what is sent next.
pub fn draw_type(rng: &mut StdRng) -> PayloadType {
    MIX.choose_weighted(rng, |(_, weight)| *weight).map_or(PayloadType::Advert, |(kind, _)| *kind)
}

/// Draws a packet that is always flooded and heard by many.
pub fn draw_broadcast_type(rng: &mut StdRng) -> PayloadType {
    if rng.random_bool(0.85) { PayloadType::GrpTxt } else { PayloadType::Advert }
}

/// Composes a packet of this type, sent at `now_s` (Unix seconds).
///
/// # Errors
/// None with a network's own keys; those of the encoder.
pub fn compose(
    network: &Network,
    kind: PayloadType,
    now_s: i64,
    rng: &mut StdRng,
) -> Result<Sending, EncodeError> {
    let origin = draw_origin(network, kind, rng);
    let target = draw_other(network, origin, rng);
    let mut talk = Talk {
        from: &network.nodes[origin],
        to: &network.nodes[target],
        now_s: u32::try_from(now_s).unwrap_or(u32::MAX),
        rng,
    };
    let payload = talk.payload(kind)?;
    let way = talk.way(kind, target);
    let hash_size = talk.from.hash_size;
    let region = talk.from.region.filter(|_| way == Way::Flood);
    let transport_codes =
        region.and_then(|name| Route::flood(1).scoped(name, kind, &payload).transport_codes);
    Ok(Sending { origin, payload_type: kind, payload, way, hash_size, transport_codes })
}

/// Composes the advert of this node, flooded at `now_s`.
///
/// # Errors
/// As [`compose`].
pub fn compose_advert(network: &Network, origin: usize, now_s: i64) -> Sending {
    let node = &network.nodes[origin];
    let now_s = u32::try_from(now_s).unwrap_or(u32::MAX);
    Sending {
        origin,
        payload_type: PayloadType::Advert,
        payload: advert::advert(&node.identity, now_s, &app_data(node)),
        way: Way::Flood,
        hash_size: node.hash_size,
        transport_codes: None,
    }
}

/// People talk, all else is sent by anybody.
fn draw_origin(network: &Network, kind: PayloadType, rng: &mut StdRng) -> usize {
    let wants_person = matches!(kind, PayloadType::GrpTxt | PayloadType::TxtMsg);
    let any = rng.random_range(0..network.nodes.len());
    let is_person = |node: &usize| network.nodes[*node].role == Role::Companion;
    (any..network.nodes.len()).chain(0..any).find(|n| !wants_person || is_person(n)).unwrap_or(any)
}

fn draw_other(network: &Network, not: usize, rng: &mut StdRng) -> usize {
    let step = rng.random_range(1..network.nodes.len());
    (not + step) % network.nodes.len()
}

fn app_data(node: &Node) -> advert::AppData {
    let parts = |degrees: f64| (degrees * 1e6).round() as i32;
    advert::AppData {
        node_type: node.role as u8,
        position_e6: Some((parts(node.position.0), parts(node.position.1))),
        name: node.name.clone(),
        ..advert::AppData::default()
    }
}

/// One node about to send to another.
struct Talk<'n, 'r> {
    from: &'n Node,
    to: &'n Node,
    now_s: u32,
    rng: &'r mut StdRng,
}

impl Talk<'_, '_> {
    fn payload(&mut self, kind: PayloadType) -> Result<Vec<u8>, EncodeError> {
        let (from, to) = (&self.from.identity, &self.to.key);
        Ok(match kind {
            PayloadType::Advert => advert::advert(from, self.now_s, &app_data(self.from)),
            PayloadType::GrpTxt => self.group_text(),
            PayloadType::GrpData => self.group_data(),
            PayloadType::Ack => self.ack(),
            PayloadType::Trace => self.trace(),
            PayloadType::Multipart => plain::multipart(1, PayloadType::Ack, &self.ack()),
            PayloadType::Control => self.control(),
            PayloadType::AnonReq => sealed::anon_request(from, to, &self.anonymous_plaintext())?,
            PayloadType::Req => sealed::peer(from, to, &self.request_plaintext())?,
            PayloadType::Response => sealed::peer(from, to, &self.response_plaintext())?,
            PayloadType::TxtMsg => sealed::peer(from, to, &self.text_plaintext())?,
            PayloadType::Path => sealed::peer(from, to, &self.path_plaintext()?)?,
            _ => self.bytes(24),
        })
    }

    fn way(&mut self, kind: PayloadType, target: usize) -> Way {
        match kind {
            PayloadType::Advert | PayloadType::GrpTxt | PayloadType::GrpData => Way::Flood,
            PayloadType::Control => Way::ZeroHop,
            PayloadType::Trace => Way::Trace(target),
            PayloadType::RawCustom | PayloadType::Multipart => Way::Direct(target),
            _ if self.rng.random_bool(0.5) => Way::Direct(target),
            _ => Way::Flood,
        }
    }

    fn group_text(&mut self) -> Vec<u8> {
        let channel = match self.rng.random_range(0..10) {
            0..=3 => ChannelSecret::public(),
            4 | 5 => ChannelSecret::hashtag(names::PRIVATE_CHANNEL),
            n => ChannelSecret::hashtag(names::HASHTAG_CHANNELS[n - 6]),
        };
        let (person, saying) = (names::person(self.rng), names::saying(self.rng));
        sealed::group_text(&channel, self.now_s, person, &saying)
    }

    fn group_data(&mut self) -> Vec<u8> {
        let data = self.bytes(20);
        sealed::group_data(&ChannelSecret::hashtag(names::HASHTAG_CHANNELS[0]), 0xFF01, &data)
    }

    fn ack(&mut self) -> Vec<u8> {
        let plaintext = self.text_plaintext();
        let tail: &[u8] = &[0, self.rng.random()];
        let is_new = self.rng.random_bool(0.5);
        plain::ack(plain::ack_hash(&plaintext, &self.from.key), if is_new { tail } else { &[] })
    }

    /// There and back over the repeaters near the target; one of the two ends is seen.
    fn trace(&mut self) -> Vec<u8> {
        let width_code = self.rng.random_range(0..2);
        let hash = |key: &[u8; 32]| key[..1 << width_code].to_vec();
        let (there, target) = (hash(&self.from.key), hash(&self.to.key));
        let route = [there.as_slice(), &target, &there].concat();
        let tag = self.rng.next_u32();
        plain::trace(&plain::TracePlan { tag, auth_code: 0, width_code, route })
    }

    fn control(&mut self) -> Vec<u8> {
        let tag = self.rng.next_u32();
        if self.rng.random_bool(0.5) {
            return plain::discover_request(false, 0x04, tag, None);
        }
        let snr_quarter_db = self.rng.random_range(-40..=48);
        plain::discover_response(self.from.role as u8, snr_quarter_db, tag, &self.from.key)
    }

    fn anonymous_plaintext(&mut self) -> Vec<u8> {
        let mut plaintext = self.now_s.to_le_bytes().to_vec();
        plaintext.extend(self.rng.next_u32().to_le_bytes());
        plaintext.extend(b"guest");
        plaintext
    }

    fn request_plaintext(&mut self) -> Vec<u8> {
        let (tag, kind) = (self.rng.next_u32(), self.rng.random_range(1..=3));
        let parameters = self.bytes(8);
        sealed::request_plaintext(tag, kind, &parameters)
    }

    fn response_plaintext(&mut self) -> Vec<u8> {
        let (tag, length) = (self.rng.next_u32(), *[9, 28, 52, 52].choose(self.rng).unwrap_or(&9));
        let answer = self.bytes(length);
        sealed::response_plaintext(tag, &answer)
    }

    fn text_plaintext(&mut self) -> Vec<u8> {
        let saying = names::saying(self.rng);
        sealed::text_plaintext(self.now_s, self.rng.random_range(0..4), &saying)
    }

    fn path_plaintext(&mut self) -> Result<Vec<u8>, EncodeError> {
        let hops = self.rng.random_range(0..6);
        let (way, ack) = (self.bytes(hops), self.bytes(4));
        sealed::path_plaintext(1, &way, PayloadType::Ack, &ack)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.rng.fill(&mut bytes[..]);
        bytes
    }
}
