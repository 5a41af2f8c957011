//! The first byte of every frame: `VVPPPPRR` (format §1.1).
//!
//! ```text
//!  bit  7 6 | 5 4 3 2 | 1 0
//!       ver | payload | route
//! ```

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

const ROUTE_MASK: u8 = 0x03;
const PAYLOAD_SHIFT: u8 = 2;
const PAYLOAD_MASK: u8 = 0x0F;
const VERSION_SHIFT: u8 = 6;

/// The header byte, taken apart. Every byte is a valid header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How the frame travels.
    pub route: RouteType,
    /// What it carries.
    pub payload_type: PayloadType,
    /// 0 to 3; only 0 is in use.
    pub version: u8,
}

impl Header {
    /// Takes a header byte apart.
    pub const fn from_byte(byte: u8) -> Self {
        Self {
            route: RouteType::from_bits(byte & ROUTE_MASK),
            payload_type: PayloadType::from_bits((byte >> PAYLOAD_SHIFT) & PAYLOAD_MASK),
            version: byte >> VERSION_SHIFT,
        }
    }

    /// Puts the byte together again; of the version only the low two bits count.
    pub const fn to_byte(self) -> u8 {
        (self.version << VERSION_SHIFT)
            | (self.payload_type.number() << PAYLOAD_SHIFT)
            | self.route.number()
    }
}

/// In the original's names and order (contract §3.6).
impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("Header", 5)?;
        view.serialize_field("routeType", &self.route.number())?;
        view.serialize_field("routeTypeName", self.route.name())?;
        view.serialize_field("payloadType", &self.payload_type.number())?;
        view.serialize_field("payloadTypeName", self.payload_type.name())?;
        view.serialize_field("payloadVersion", &self.version)?;
        view.end()
    }
}

/// How a frame travels: flood paths grow by a hop per relay, direct paths are what is left to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RouteType {
    /// Flood within a region (transport codes).
    TransportFlood = 0,
    /// Flood.
    Flood = 1,
    /// Along a given path.
    Direct = 2,
    /// Along a given path, with transport codes.
    TransportDirect = 3,
}

impl RouteType {
    /// Reads the low two bits.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & ROUTE_MASK {
            0 => Self::TransportFlood,
            1 => Self::Flood,
            2 => Self::Direct,
            _ => Self::TransportDirect,
        }
    }

    /// 0 to 3, as on the wire and in the database.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name that the API shows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TransportFlood => "TRANSPORT_FLOOD",
            Self::Flood => "FLOOD",
            Self::Direct => "DIRECT",
            Self::TransportDirect => "TRANSPORT_DIRECT",
        }
    }

    /// Whether four bytes of transport codes follow the header.
    pub const fn has_transport_codes(self) -> bool {
        matches!(self, Self::TransportFlood | Self::TransportDirect)
    }

    /// Whether relays append themselves to the path.
    pub const fn is_flood(self) -> bool {
        matches!(self, Self::TransportFlood | Self::Flood)
    }
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the format's own")]
pub enum PayloadType {
    Req = 0,
    Response = 1,
    TxtMsg = 2,
    Ack = 3,
    Advert = 4,
    GrpTxt = 5,
    GrpData = 6,
    AnonReq = 7,
    Path = 8,
    Trace = 9,
    Multipart = 10,
    Control = 11,
    Reserved12 = 12,
    Reserved13 = 13,
    Reserved14 = 14,
    RawCustom = 15,
}

impl PayloadType {
    /// All sixteen, by number.
    pub const ALL: [Self; 16] = [
        Self::Req,
        Self::Response,
        Self::TxtMsg,
        Self::Ack,
        Self::Advert,
        Self::GrpTxt,
        Self::GrpData,
        Self::AnonReq,
        Self::Path,
        Self::Trace,
        Self::Multipart,
        Self::Control,
        Self::Reserved12,
        Self::Reserved13,
        Self::Reserved14,
        Self::RawCustom,
    ];

    /// Reads the low four bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self::ALL[(bits & PAYLOAD_MASK) as usize]
    }

    /// 0 to 15, as on the wire and in the database.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name that the API shows; `UNKNOWN` for the reserved ones.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Req => "REQ",
            Self::Response => "RESPONSE",
            Self::TxtMsg => "TXT_MSG",
            Self::Ack => "ACK",
            Self::Advert => "ADVERT",
            Self::GrpTxt => "GRP_TXT",
            Self::GrpData => "GRP_DATA",
            Self::AnonReq => "ANON_REQ",
            Self::Path => "PATH",
            Self::Trace => "TRACE",
            Self::Multipart => "MULTIPART",
            Self::Control => "CONTROL",
            Self::Reserved12 | Self::Reserved13 | Self::Reserved14 => "UNKNOWN",
            Self::RawCustom => "RAW_CUSTOM",
        }
    }
}
