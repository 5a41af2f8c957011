//! Which bytes of a frame say what, for people who want to see it.
//!
//! Nothing is parsed here: the decoder's own pieces are put down ([`Drawing`]).

use std::slice;

use super::drawing::{BitRange, ByteRange, Drawing, RangeKind};
use super::frame::{PacketError, Parts, Prefix, TRANSPORT_CODES_BYTES};
use super::header::{Header, PayloadType};
use super::hex_text::UpperHex;
use super::packet::Packet;
use super::path::{self, Path};
use super::payload::{DecodeRules, decode_payload, snrs};

/// A frame, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakdown {
    /// In the order of the frame; together they are the frame.
    pub ranges: Vec<ByteRange>,
    /// Why the frame could not be read to its end.
    pub error: Option<PacketError>,
}

/// Takes a frame apart. Bytes that are no frame yield what could be read, and the error.
pub fn breakdown(frame: &[u8], rules: &DecodeRules<'_>) -> Breakdown {
    let mut drawing = Drawing::of(frame);
    let error = draw_frame(&mut drawing, rules).err();
    Breakdown { ranges: drawing.finish(), error }
}

/// The steps of [`Packet::parse`], each put down before the next may fail.
fn draw_frame(drawing: &mut Drawing<'_>, rules: &DecodeRules<'_>) -> Result<(), PacketError> {
    let frame = drawing.frame();
    if let Some(first) = frame.first() {
        draw_header(first, drawing);
    }
    let prefix = Prefix::of(frame)?;
    if let Some(codes) = prefix.transport_codes {
        draw_codes(codes, drawing);
    }
    let parts = Parts::of(frame)?;
    draw_path_length(parts.length_byte, drawing);
    let (path, _) = parts.split_path()?;
    draw_path(&path, parts.header.payload_type, drawing);
    let packet = Packet::parse(frame)?;
    decode_payload(&packet, rules).draw(packet.payload, drawing);
    Ok(())
}

fn draw_header(first: &u8, drawing: &mut Drawing<'_>) {
    let header = Header::from_byte(*first);
    let (route, payload_type) = (header.route, header.payload_type);
    let bits = [
        BitRange::new((7, 6), "version", header.version, None),
        BitRange::new((5, 2), "payload type", payload_type.number(), Some(payload_type.name())),
        BitRange::new((1, 0), "route", route.number(), Some(route.name())),
    ];
    drawing.byte(first, "header", RangeKind::Header, &bits);
}

fn draw_codes(codes: &[u8; TRANSPORT_CODES_BYTES], drawing: &mut Drawing<'_>) {
    let labels = ["region code", "reserved code"];
    for (code, label) in codes.as_chunks().0.iter().zip(labels) {
        drawing.part(code, label, RangeKind::Codes, u16::from_le_bytes(*code));
    }
}

fn draw_path_length(length_byte: &u8, drawing: &mut Drawing<'_>) {
    let bits = [
        BitRange::new((7, 6), "bytes per hop", path::hash_size(*length_byte) as u8, None),
        BitRange::new((5, 0), "hops", path::hop_count(*length_byte) as u8, None),
    ];
    drawing.byte(length_byte, "path length", RangeKind::Path, &bits);
}

fn draw_path(path: &Path<'_>, payload_type: PayloadType, drawing: &mut Drawing<'_>) {
    if payload_type != PayloadType::Trace {
        for hop in path.hops() {
            drawing.part(hop, "hop", RangeKind::Hop, UpperHex(hop));
        }
        return;
    }
    for (byte, snr_db) in path.bytes().iter().zip(snrs(path)) {
        drawing.part(slice::from_ref(byte), "SNR of a hop done", RangeKind::Snr, snr_db);
    }
}
