//! What adverts tell of their senders: how long the hashes are that they put into paths.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Row;

use super::WITHOUT_SENDER;
use crate::clock;
use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::stored_text;
use crate::mesh::{self, Packet};

/// Adverts older than this say nothing (contract §4.1).
const WINDOW_S: i64 = 7 * DAY_S;
const DAY_S: i64 = 86_400;

/// The latest so many adverts are looked at.
const ADVERTS_MAX: i64 = 50_000;

/// Packets of one step: where a day has more, it takes several.
const STEP_PACKETS: i64 = 8_000;

/// Of a mesh that is so busy that seven days have more packets, the latest are looked at.
const LOOKED_AT_MAX: i64 = 2_000_000;

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

/// The adverts of the 7 days before a time, read in steps from the newest to the oldest: a cold disk
/// takes longer for all of them than a query may.
#[derive(Debug)]
pub struct AdvertSizes {
    /// Newest first.
    sizes: HashMap<String, Vec<u8>>,
    left: i64,
    looks_left: i64,
    /// Earlier ones have not been read.
    until: String,
    /// Where the day ends that is being read, Unix seconds.
    day_until_s: i64,
    oldest_s: i64,
}

impl AdvertSizes {
    /// So many steps it takes, of a mesh that is not very busy.
    pub const STEPS: u32 = (WINDOW_S / DAY_S) as u32;

    /// Begins at `now_s`, Unix seconds.
    pub fn before(now_s: i64) -> Self {
        // What is dated later than now counts as of now.
        let (sizes, until) = (HashMap::new(), "a".to_owned());
        let oldest_s = now_s - WINDOW_S;
        let (left, looks_left) = (ADVERTS_MAX, LOOKED_AT_MAX);
        Self { sizes, left, looks_left, until, day_until_s: now_s, oldest_s }
    }

    /// Reads the next day, or a part of it where there are many packets; `false` after the last.
    /// Adverts that are sent to neighbours only have no path whose hashes could be long or short.
    ///
    /// # Errors
    /// Any failure of the database, and the deadline.
    pub fn read_step(&mut self, reader: &Reader) -> Result<bool, DbError> {
        let day_from_s = self.day_until_s - DAY_S;
        // All packets of the same second belong to one step.
        let edge = "SELECT first_seen FROM transmissions WHERE first_seen >= ?1 AND first_seen < ?2 \
                    ORDER BY first_seen DESC LIMIT 1 OFFSET ?3";
        let day = (clock::iso_s(day_from_s), &self.until, STEP_PACKETS);
        let edge = reader.first(edge, day, |row| stored_text(row, 0))?.flatten();
        let is_whole_day = edge.is_none();
        let from = edge.unwrap_or_else(|| clock::iso_s(day_from_s));
        for (key, size) in self.frames(reader, &from)?.iter().filter_map(|f| sender_and_size(f)) {
            self.sizes.entry(key).or_default().push(size);
        }
        self.until = from;
        self.day_until_s -= if is_whole_day { DAY_S } else { 0 };
        self.looks_left -= if is_whole_day { 0 } else { STEP_PACKETS };
        Ok(self.day_until_s > self.oldest_s && self.left > 0 && self.looks_left > 0)
    }

    /// Those of `from` and later that have not been read, newest first.
    fn frames(&mut self, reader: &Reader, from: &str) -> Result<Vec<String>, DbError> {
        let ids = "SELECT min(id), max(id) FROM transmissions WHERE first_seen >= ?1 \
                   AND first_seen < ?2";
        let id =
            |row: &Row<'_>, column| row.get::<_, Option<i64>>(column).map(|id| id.unwrap_or(0));
        let ids = reader.first(ids, (from, &self.until), |row| Ok((id(row, 0)?, id(row, 1)?)))?;
        let (least, most) = ids.unwrap_or_default();
        // Of what was first seen in a week three rows of four are no adverts, and rows are wide.
        let sql = "SELECT raw_hex FROM transmissions WHERE id IN \
                   (SELECT id FROM transmissions WHERE payload_type = 4 AND id BETWEEN ?3 AND ?4 \
                    INTERSECT SELECT id FROM transmissions \
                    WHERE first_seen >= ?1 AND first_seen < ?2) \
                   ORDER BY first_seen DESC LIMIT ?5";
        let params = (from, &self.until, least, most, self.left);
        let frames = reader.rows(sql, params, |row| stored_text(row, 0))?;
        self.left -= i64::try_from(frames.len()).unwrap_or(i64::MAX);
        Ok(frames.into_iter().flatten().collect())
    }

    /// What they tell.
    pub fn finish(self) -> HashSizes {
        let told = self.sizes.into_iter().filter_map(|(key, mut sizes)| {
            sizes.reverse();
            Some((key, hash_size(&sizes)?))
        });
        told.collect()
    }
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
/// As [`AdvertSizes::read_step`].
pub fn count_flood_adverts(reader: &Reader, key: &str, now_s: i64) -> Result<i64, DbError> {
    let count = |whose: &str| {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM transmissions WHERE {whose} \
             AND +route_type IN (0, 1) AND +first_seen > ?2 LIMIT ?3)"
        );
        reader.number(&sql, (key, clock::iso_s(now_s - WINDOW_S), ADVERTS_MAX))
    };
    let counted = count("from_pubkey = ?1 AND +payload_type = 4")?;
    if reader.is_migrated("backfill_from_pubkey_v1")? {
        return Ok(counted);
    }
    // Whose advert it is stands in the frame.
    let in_frame = format!("{WITHOUT_SENDER} AND instr(upper(raw_hex), upper(?1)) > 0");
    Ok((counted + count(&in_frame)?).min(ADVERTS_MAX))
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
