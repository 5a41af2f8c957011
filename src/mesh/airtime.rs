//! LoRa time on air (format §15).

const SYMBOLS_OF_SYNC: f64 = 4.25;
const HEADER_SYMBOLS: f64 = 8.0;
const SLOW_SYMBOL_MS: f64 = 16.0;
const LONG_PREAMBLE_TO_SF: u8 = 8;

/// A radio's settings, as an observer tells them: `MHz,kHz,SF,CR`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Radio {
    /// MHz.
    pub frequency_mhz: f64,
    /// kHz, above 0.
    pub bandwidth_khz: f64,
    /// 5 to 12.
    pub spreading_factor: u8,
    /// 5 to 8: the denominator of 4/5 to 4/8.
    pub coding_rate: u8,
}

impl Radio {
    /// Reads `869.618,62.5,8,8`; `None` if a part is missing, no number or out of range.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',').map(str::trim);
        let mut number = || parts.next()?.parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
        let (frequency_mhz, bandwidth_khz) = (number()?, number()?);
        let spreading_factor = parts.next()?.parse().ok().filter(|sf| (5..=12).contains(sf))?;
        let coding_rate = parts.next()?.parse().ok().filter(|cr| (5..=8).contains(cr))?;
        Some(Self { frequency_mhz, bandwidth_khz, spreading_factor, coding_rate })
    }
}

/// Returns how long a whole frame of so many bytes occupies the air, in milliseconds. Settings
/// out of range give a number, not a panic.
pub fn time_on_air_ms(radio: &Radio, frame_bytes: usize) -> f64 {
    let sf = f64::from(radio.spreading_factor);
    let symbol_ms = 2_f64.powf(sf) / radio.bandwidth_khz;
    let slow = if symbol_ms >= SLOW_SYMBOL_MS { 1.0 } else { 0.0 };
    let bits = 8.0 * frame_bytes as f64 - 4.0 * sf + 44.0;
    let words = (bits / (4.0 * (sf - 2.0 * slow))).ceil().max(0.0);
    let payload_symbols = HEADER_SYMBOLS + words * f64::from(radio.coding_rate);
    let preamble = if radio.spreading_factor <= LONG_PREAMBLE_TO_SF { 32.0 } else { 16.0 };
    (preamble + SYMBOLS_OF_SYNC + payload_symbols) * symbol_ms
}
