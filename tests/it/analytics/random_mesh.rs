//! Databases full of what may stand in one: NULLs, texts where numbers belong, absurd values,
//! duplicates, ids below zero, gaps.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, params};

/// The middle of the times that occur, Unix seconds.
pub const NOON_S: i64 = 1_784_364_457;

const PATHS: [Option<&str>; 9] = [
    None,
    Some(""),
    Some("[]"),
    Some("[\"A1\"]"),
    Some("[\"A1\",\"b2\"]"),
    Some("[\"A1C0\",\"B2D0\",\"C3E0\"]"),
    Some("[\"A1C0FF\"]"),
    Some("[1,2,3,4]"),
    Some("no json"),
];

/// Fills an opened database; the same seed fills it the same.
pub fn fill(conn: &Connection, seed: u64) {
    let mut mesh = RandomMesh { conn, rng: StdRng::seed_from_u64(seed), hashes: 0 };
    conn.execute_batch("BEGIN").unwrap();
    mesh.add_observers();
    mesh.add_nodes();
    let packets = mesh.rng.random_range(0..220);
    for _ in 0..packets {
        let id = match mesh.rng.random_range(0..20) {
            0 => mesh.rng.random_range(-200..1),
            1 => 1_000_000 + mesh.rng.random_range(0..100),
            _ => mesh.rng.random_range(1..400),
        };
        mesh.add_packet(id);
    }
    conn.execute_batch("COMMIT").unwrap();
}

/// Changes some rows of a filled database, as anybody may.
pub fn change(conn: &Connection, seed: u64) {
    let mut mesh = RandomMesh { conn, rng: StdRng::seed_from_u64(seed), hashes: 1 << 32 };
    for _ in 0..12 {
        let sql = *CHANGES.choose(&mut mesh.rng).unwrap();
        conn.execute(sql, [mesh.rng.random_range(0..1_000)]).unwrap();
        if mesh.rng.random_bool(0.3) {
            let id = 2_000_000 + mesh.rng.random_range(0..100);
            mesh.add_packet(id);
        }
    }
}

/// `?1` chooses a row.
const CHANGES: [&str; 8] = [
    "UPDATE observations SET snr = 3.5, rssi = NULL WHERE id % 53 = ?1 % 53",
    "UPDATE OR IGNORE observations SET path_json = '[\"A1\",\"77\",\"78\"]' WHERE id % 97 = ?1 % 97",
    "UPDATE observations SET timestamp = timestamp - 90000 WHERE id % 61 = ?1 % 61",
    "DELETE FROM observations WHERE id % 41 = ?1 % 41",
    "UPDATE transmissions SET first_seen = '2026-07-01T00:00:00Z' WHERE id % 37 = ?1 % 37",
    "UPDATE transmissions SET raw_hex = '1541', payload_type = 3 WHERE id % 67 = ?1 % 67",
    "UPDATE transmissions SET decoded_json = '{\"pubKey\":\"A1C0FF01\"}' WHERE id % 73 = ?1 % 73",
    "DELETE FROM transmissions WHERE id % 71 = ?1 % 71",
];

struct RandomMesh<'c> {
    conn: &'c Connection,
    rng: StdRng,
    hashes: u64,
}

impl RandomMesh<'_> {
    fn add_observers(&mut self) {
        let regions = [Some("SJC"), Some(" sjc"), Some("OAK"), Some("MRY"), None, Some("OAK")];
        for (number, region) in regions.iter().enumerate() {
            let sql = "INSERT INTO observers (id, iata, inactive) VALUES (?1, ?2, ?3)";
            self.conn.execute(sql, params![number.to_string(), region, number == 5]).unwrap();
        }
    }

    fn add_nodes(&mut self) {
        for number in 0..14 {
            let role = [None, Some("repeater"), Some("companion"), Some("room")][number % 4];
            let name = (!number.is_multiple_of(5)).then(|| format!("Node {number}"));
            let place = [None, Some(10.0), Some(50.0)][number % 3];
            let sql = "INSERT INTO nodes (public_key, name, role, lat, lon, last_seen, \
                       multibyte_sup, multibyte_evidence) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)";
            let key = if number == 13 { key(number).to_uppercase() } else { key(number) };
            let support = [0, 0, 0, 1, 2][number % 5];
            let seen = "2026-07-18T08:47:37Z";
            self.conn.execute(sql, params![key, name, role, place, seen, support, "path"]).unwrap();
        }
    }

    fn add_packet(&mut self, id: i64) {
        self.hashes += 1;
        let payload_type =
            self.pick(&[Some(4), Some(4), Some(5), Some(2), Some(13), Some(99), None]);
        let (advert, from_pubkey) = self.advert();
        let is_advert = payload_type == Some(4);
        let hash = if self.rng.random_bool(0.01) { String::new() } else { self.hashes.to_string() };
        let sql = "INSERT OR IGNORE INTO transmissions (id, raw_hex, hash, first_seen, \
                   route_type, payload_type, decoded_json, from_pubkey) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = params![
            id,
            self.raw_hex(),
            hash,
            self.first_seen(),
            self.pick(&[Some(0), Some(1), Some(1), Some(2), Some(2), Some(3), None]),
            payload_type,
            if is_advert { advert } else { Some("{\"type\":\"CHAN\"}".to_owned()) },
            if is_advert { from_pubkey } else { None },
        ];
        if self.conn.execute(sql, values).unwrap() == 0 {
            return;
        }
        for _ in 0..self.rng.random_range(0..12) {
            self.add_observation(id);
        }
    }

    fn advert(&mut self) -> (Option<String>, Option<String>) {
        let key = key(self.rng.random_range(0..16));
        let name = self.pick(&["Hill", "Dale", ""]);
        let json = format!("{{\"type\":\"ADVERT\",\"pubKey\":\"{key}\",\"name\":\"{name}\"}}");
        match self.rng.random_range(0..8) {
            0 => (Some("{\"pubKey\":7,\"name\":[]}".to_owned()), None),
            1 => (Some("{broken".to_owned()), Some(key)),
            2 => (None, None),
            3 => (Some(json.to_uppercase()), Some(key.to_uppercase())),
            4 => (Some(json), Some(key)),
            _ => (Some(json), None),
        }
    }

    fn raw_hex(&mut self) -> String {
        let path_byte = self.pick(&[0x00, 0x01, 0x41, 0x40, 0x82, 0xC1]);
        let length = self.rng.random_range(3..90);
        match self.rng.random_range(0..12) {
            0 => String::new(),
            1 => "zz".to_owned(),
            2 => "154".to_owned(),
            _ => format!("15{path_byte:02X}aabbcc{path_byte:02x}{}", "00".repeat(length)),
        }
    }

    fn first_seen(&mut self) -> String {
        let at_s = NOON_S + self.rng.random_range(-200_000..200_000);
        match self.rng.random_range(0..12) {
            0 => "garbage".to_owned(),
            1 => String::new(),
            2 => corescope::clock::iso_ms(at_s * 1_000 + 81),
            _ => corescope::clock::iso_s(at_s),
        }
    }

    fn add_observation(&mut self, transmission_id: i64) {
        let at_s = NOON_S + self.rng.random_range(-200_000..200_000);
        let snr = f64::from(self.rng.random_range(-80..60)) / 4.0;
        let sql = "INSERT OR IGNORE INTO observations (transmission_id, observer_idx, snr, rssi, \
                   path_json, timestamp) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = params![
            transmission_id,
            self.pick(&[Some(1), Some(2), Some(3), Some(4), Some(5), Some(6), Some(99), None]),
            self.pick(&[Some(snr), Some(snr), Some(snr), None, Some(-0.0), Some(1e300)]),
            self.pick(&[Some(f64::from(snr as i32) - 100.0), Some(f64::INFINITY), None]),
            self.pick(&PATHS),
            self.pick(&[at_s, at_s, at_s, at_s, -5_000, 0]),
        ];
        self.conn.execute(sql, values).unwrap();
        if self.rng.random_bool(0.02) {
            let sql = "UPDATE observations SET timestamp = 'then', snr = 'loud' \
                       WHERE id = last_insert_rowid()";
            self.conn.execute(sql, []).unwrap();
        }
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        *among.choose(&mut self.rng).unwrap()
    }
}

/// Several keys begin with the same byte.
fn key(number: usize) -> String {
    let first = ["a1c0ff", "b2d0", "c3e0", "b2", "a1c1", "77"][number % 6];
    format!("{:0<64}", format!("{first}{number:02}"))
}
