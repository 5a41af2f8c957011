//! What adverts tell of their senders: how long the hashes are that they put into paths.

use std::collections::{BTreeSet, HashMap};

use crate::clock;
use crate::db::error::DbError;
use crate::db::reader::{Reader, stored_text};
use crate::mesh::{self, Packet};

/// Adverts older than this say nothing (contract §4.1).
const WINDOW_S: i64 = 7 * 86_400;

/// The latest so many adverts are looked at.
const ADVERTS_MAX: i64 = 50_000;

/// The sizes of the path hashes of one node, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashSize {
    /// Of its latest advert.
    pub latest: u8,
    /// All that it used.
    pub seen: BTreeSet<u8>,
    /// Whether it goes to and fro: at least 3 adverts, 2 sizes and 2 changes, and the latest three
    /// adverts do not agree.
    pub is_inconsistent: bool,
}

/// By public key, lower case.
pub type HashSizes = HashMap<String, HashSize>;

/// Reads the adverts of the 7 days before `now_s` (Unix seconds). Those sent to neighbours only
/// have no path whose hashes could be long or short.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn hash_sizes(reader: &Reader, now_s: i64) -> Result<HashSizes, DbError> {
    let sql = "SELECT raw_hex FROM transmissions WHERE first_seen > ?1 AND +payload_type = 4 \
               ORDER BY first_seen DESC LIMIT ?2";
    let since = clock::iso_s(now_s - WINDOW_S);
    let frames = reader.rows(sql, (since, ADVERTS_MAX), |row| stored_text(row, 0))?;
    let mut sizes: HashMap<String, Vec<u8>> = HashMap::new();
    for (key, size) in frames.iter().rev().filter_map(|frame| sender_and_size(frame.as_deref()?)) {
        sizes.entry(key).or_default().push(size);
    }
    Ok(sizes.into_iter().filter_map(|(key, sizes)| Some((key, hash_size(&sizes)?))).collect())
}

fn sender_and_size(raw_hex: &str) -> Option<(String, u8)> {
    let frame = mesh::frame_from_hex(raw_hex).ok()?;
    let packet = Packet::parse(&frame).ok()?;
    let is_to_neighbours = !packet.header.route.is_flood() && packet.path.hop_count() == 0;
    let key = packet.payload.get(..32).map(hex::encode)?;
    (!is_to_neighbours)
        .then(|| u8::try_from(packet.path.hash_size()).ok().map(|size| (key, size)))?
}

/// `sizes` in the order of time.
fn hash_size(sizes: &[u8]) -> Option<HashSize> {
    let latest = *sizes.last()?;
    let seen: BTreeSet<u8> = sizes.iter().copied().collect();
    let changes = sizes.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let agree = sizes.iter().rev().take(3).all(|size| *size == latest);
    let is_inconsistent = sizes.len() >= 3 && seen.len() >= 2 && changes >= 2 && !agree;
    Some(HashSize { latest, seen, is_inconsistent })
}

/// Counts the flood adverts of a node in the 7 days before `now_s`, 50,000 at most.
///
/// # Errors
/// As [`hash_sizes`].
pub fn count_flood_adverts(reader: &Reader, key: &str, now_s: i64) -> Result<i64, DbError> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM transmissions WHERE from_pubkey = ?1 \
               AND +payload_type = 4 AND route_type IN (0, 1) AND +first_seen > ?2 LIMIT ?3)";
    reader.number(sql, (key, clock::iso_s(now_s - WINDOW_S), ADVERTS_MAX))
}

#[cfg(test)]
mod tests {
    use super::hash_size;

    #[test]
    fn a_node_is_inconsistent_only_while_it_goes_to_and_fro() {
        let table: [(&[u8], u8, bool); 6] = [
            (&[1], 1, false),
            (&[1, 2], 2, false),
            (&[1, 2, 1], 1, true),
            (&[1, 2, 2, 2], 2, false),
            (&[1, 2, 1, 1, 1], 1, false),
            (&[1, 2, 1, 2], 2, true),
        ];
        for (sizes, latest, is_inconsistent) in table {
            let found = hash_size(sizes);
            let found = found.map(|found| (found.latest, found.is_inconsistent));
            assert_eq!(found, Some((latest, is_inconsistent)), "{sizes:?}");
        }
        assert_eq!(hash_size(&[]), None);
    }
}
