//! Where the fields of an ADVERT stand; see [`super::advert`] for the bytes.

use super::advert::{APP_DATA_BYTES_MAX, Advert, AdvertFlags};
use crate::mesh::breakdown::{BitRange, Drawing, RangeKind};

const TELEMETRY_BYTES: usize = 4;

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

impl Advert {
    pub(super) fn draw(&self, bytes: &[u8], drawing: &mut Drawing<'_>) {
        let Some(parts) = Parts::split(bytes) else { return };
        drawing.part(parts.public_key, "public key", RangeKind::Key, self.public_key);
        drawing.part(parts.timestamp, "timestamp", RangeKind::Time, self.timestamp);
        drawing.part(parts.signature, "signature", RangeKind::Signature, self.signature);
        self.draw_app_data(&AppParts::split(parts.app_data), drawing);
    }

    fn draw_app_data(&self, parts: &AppParts<'_>, drawing: &mut Drawing<'_>) {
        if let (Some(byte), Some(flags)) = (parts.flags, self.flags) {
            drawing.byte(byte, "flags", RangeKind::Flags, &bits_of(flags));
        }
        if let Some((lat, lon)) = parts.position {
            drawing.part(lat, "latitude", RangeKind::Degrees, self.lat);
            drawing.part(lon, "longitude", RangeKind::Degrees, self.lon);
        }
        let number = RangeKind::Number;
        if let Some(bytes) = parts.feat1 {
            drawing.part(bytes, "feature 1", number, self.feat1);
        }
        if let Some(bytes) = parts.feat2 {
            drawing.part(bytes, "feature 2", number, self.feat2);
        }
        drawing.part(parts.name.unwrap_or_default(), "name", RangeKind::Text, &self.name);
        if let Some(bytes) = parts.battery {
            drawing.part(bytes, "battery (mV)", number, self.battery_mv);
        }
        if let Some(bytes) = parts.temperature {
            drawing.part(bytes, "temperature (\u{b0}C)", number, self.temperature_c);
        }
    }
}

fn bits_of(flags: AdvertFlags) -> [BitRange; 5] {
    let role = match flags.node_type {
        0 => Some("none"),
        1 => Some("companion"),
        2 => Some("repeater"),
        3 => Some("room server"),
        4 => Some("sensor"),
        _ => None,
    };
    [
        BitRange::flag(7, "name", flags.has_name),
        BitRange::flag(6, "feature 2", flags.has_feat2),
        BitRange::flag(5, "feature 1", flags.has_feat1),
        BitRange::flag(4, "position", flags.has_location),
        BitRange::new((3, 0), "node type", flags.node_type, role),
    ]
}
