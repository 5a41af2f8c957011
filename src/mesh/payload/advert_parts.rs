//! Where the fields of an ADVERT stand; see [`super::advert`] for the bytes.

use serde::Serialize;

use crate::mesh::drawing::BitRange;

/// What the firmware signs and reads of the app data.
pub const APP_DATA_BYTES_MAX: usize = 32;

const TYPE_MASK: u8 = 0x0F;
const HAS_LOCATION: u8 = 0x10;
const HAS_FEAT1: u8 = 0x20;
const HAS_FEAT2: u8 = 0x40;
const HAS_NAME: u8 = 0x80;
pub(super) const SENSOR: u8 = 4;
const TELEMETRY_BYTES: usize = 4;

/// The first byte of app data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the original's JSON")]
#[expect(missing_docs, reason = "the names are the format's own")]
pub struct AdvertFlags {
    /// The whole byte.
    pub raw: u8,
    /// An enumeration: 0 none, 1 companion, 2 repeater, 3 room server, 4 sensor.
    #[serde(rename = "type")]
    pub node_type: u8,
    pub chat: bool,
    pub repeater: bool,
    pub room: bool,
    pub sensor: bool,
    pub has_location: bool,
    pub has_feat1: bool,
    pub has_feat2: bool,
    pub has_name: bool,
}

/// An advert up to its app data.
pub(super) struct Parts<'a> {
    pub public_key: &'a [u8; 32],
    pub timestamp: &'a [u8; 4],
    pub signature: &'a [u8; 64],
    /// The bytes that are signed and read.
    pub app_data: &'a [u8],
}

/// The fields of the app data.
#[derive(Default)]
pub(super) struct AppParts<'a> {
    pub flags: Option<&'a u8>,
    pub position: Option<(&'a [u8; 4], &'a [u8; 4])>,
    pub feat1: Option<&'a [u8; 2]>,
    pub feat2: Option<&'a [u8; 2]>,
    /// Up to the first NUL.
    pub name: Option<&'a [u8]>,
    pub battery: Option<&'a [u8; 2]>,
    pub temperature: Option<&'a [u8; 2]>,
}

impl<'a> Parts<'a> {
    pub fn split(bytes: &'a [u8]) -> Option<Self> {
        let (public_key, rest) = bytes.split_first_chunk()?;
        let (timestamp, rest) = rest.split_first_chunk()?;
        let (signature, rest) = rest.split_first_chunk()?;
        let app_data = &rest[..rest.len().min(APP_DATA_BYTES_MAX)];
        Some(Self { public_key, timestamp, signature, app_data })
    }
}

impl<'a> AppParts<'a> {
    /// A flagged field that does not fit is left out and reading goes on behind it, as the
    /// original does (the firmware refuses the app data as a whole).
    pub fn split(app_data: &'a [u8]) -> Self {
        let Some((first, mut rest)) = app_data.split_first() else { return Self::default() };
        let flags = AdvertFlags::from_byte(*first);
        let mut parts = Self { flags: Some(first), ..Self::default() };
        if flags.has_location
            && let Some((lat, after)) = rest.split_first_chunk()
            && let Some((lon, after)) = after.split_first_chunk()
        {
            parts.position = Some((lat, lon));
            rest = after;
        }
        if flags.has_feat1 {
            parts.feat1 = take_u16(&mut rest);
        }
        if flags.has_feat2 {
            parts.feat2 = take_u16(&mut rest);
        }
        if flags.has_name {
            let end = rest.iter().position(|&b| b == 0).unwrap_or(rest.len());
            let (name, behind_name) = rest.split_at(end);
            parts.name = Some(name);
            if flags.sensor {
                parts.split_telemetry(behind_name);
            }
        }
        parts
    }

    /// Splits what follows a sensor's name. NULs behind its end are padding as long as more than
    /// the four bytes of telemetry follow, so that a battery of 0x..00 mV keeps its low byte.
    fn split_telemetry(&mut self, behind_name: &'a [u8]) {
        let Some((_, mut rest)) = behind_name.split_first() else { return };
        while let [0, after @ ..] = rest
            && after.len() >= TELEMETRY_BYTES
        {
            rest = after;
        }
        let Some(telemetry) = rest.first_chunk::<TELEMETRY_BYTES>() else { return };
        let [battery, temperature] = telemetry.as_chunks().0 else { return };
        (self.battery, self.temperature) = (Some(battery), Some(temperature));
    }
}

fn take_u16<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8; 2]> {
    let (field, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(field)
}

impl AdvertFlags {
    pub(super) const fn from_byte(raw: u8) -> Self {
        let node_type = raw & TYPE_MASK;
        Self {
            raw,
            node_type,
            chat: node_type == 1,
            repeater: node_type == 2,
            room: node_type == 3,
            sensor: node_type == SENSOR,
            has_location: raw & HAS_LOCATION != 0,
            has_feat1: raw & HAS_FEAT1 != 0,
            has_feat2: raw & HAS_FEAT2 != 0,
            has_name: raw & HAS_NAME != 0,
        }
    }

    pub(super) fn bits(self) -> [BitRange; 5] {
        let role = match self.node_type {
            0 => Some("none"),
            1 => Some("companion"),
            2 => Some("repeater"),
            3 => Some("room server"),
            4 => Some("sensor"),
            _ => None,
        };
        [
            BitRange::flag(7, "name", self.has_name),
            BitRange::flag(6, "feature 2", self.has_feat2),
            BitRange::flag(5, "feature 1", self.has_feat1),
            BitRange::flag(4, "position", self.has_location),
            BitRange::new((3, 0), "node type", self.node_type, role),
        ]
    }
}
