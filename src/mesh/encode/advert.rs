//! Adverts: app data built as the firmware does, signed (format §7).

use crate::mesh::identity::Identity;
use crate::mesh::payload::{ADVERT_BYTES_MIN, APP_DATA_BYTES_MAX, SignedMessage};

const HAS_LOCATION: u8 = 0x10;
const HAS_FEAT1: u8 = 0x20;
const HAS_FEAT2: u8 = 0x40;
const HAS_NAME: u8 = 0x80;
const TYPE_MASK: u8 = 0x0F;

/// What a node tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppData {
    /// 1 companion, 2 repeater, 3 room server, 4 sensor; the low four bits count.
    pub node_type: u8,
    /// Latitude and longitude in millionths of a degree.
    pub position_e6: Option<(i32, i32)>,
    /// For future use.
    pub feat1: Option<u16>,
    /// For future use.
    pub feat2: Option<u16>,
    /// Cut at a character's end so that all fits 32 bytes; empty for none.
    pub name: String,
}

impl AppData {
    /// Returns the bytes, 1 to 32.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.flags()];
        if let Some((lat, lon)) = self.position_e6 {
            bytes.extend(lat.to_le_bytes());
            bytes.extend(lon.to_le_bytes());
        }
        bytes.extend(self.feat1.iter().flat_map(|feature| feature.to_le_bytes()));
        bytes.extend(self.feat2.iter().flat_map(|feature| feature.to_le_bytes()));
        let room = APP_DATA_BYTES_MAX - bytes.len();
        bytes.extend(self.name.as_bytes()[..self.name.floor_char_boundary(room)].iter());
        bytes
    }

    fn flags(&self) -> u8 {
        let flag = |is_set, bit| if is_set { bit } else { 0 };
        (self.node_type & TYPE_MASK)
            | flag(self.position_e6.is_some(), HAS_LOCATION)
            | flag(self.feat1.is_some(), HAS_FEAT1)
            | flag(self.feat2.is_some(), HAS_FEAT2)
            | flag(!self.name.is_empty(), HAS_NAME)
    }
}

/// Returns an advert's payload, signed; `timestamp_s` is the sender's clock, Unix seconds.
pub fn advert(identity: &Identity, timestamp_s: u32, app_data: &AppData) -> Vec<u8> {
    signed(identity, timestamp_s, &app_data.to_bytes())
}

/// As [`advert`] with app data as given; of more than 32 bytes the first 32 are signed.
pub fn signed(identity: &Identity, timestamp_s: u32, app_data: &[u8]) -> Vec<u8> {
    let (key, timestamp) = (identity.public_key(), timestamp_s.to_le_bytes());
    let signature = identity.sign(SignedMessage::new(&key, &timestamp, app_data).bytes());
    let mut payload = Vec::with_capacity(ADVERT_BYTES_MIN + app_data.len());
    payload.extend(key);
    payload.extend(timestamp);
    payload.extend(signature);
    payload.extend(app_data);
    payload
}
