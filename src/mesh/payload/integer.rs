//! Plain integers of payloads: how they stand there, and when the JSON leaves them out.

/// Of a plain integer: zero is left out of the JSON.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn is_zero_u32(value: &u32) -> bool {
    *value == 0
}

/// As [`is_zero_u32`].
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn is_zero_u8(value: &u8) -> bool {
    *value == 0
}

/// Reads a little-endian u32; `None` beyond the end.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Reads a little-endian u16; `None` beyond the end.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}
