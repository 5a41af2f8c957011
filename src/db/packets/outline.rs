//! What the loader of the RAM window asks before it reads packets: which there are, when they
//! were heard, and which are new. All of it from indexes that cover it, in bounded parts.

use rusqlite::Row;

use super::records::records;
use crate::db::error::DbError;
use crate::db::reader::Reader;
use crate::db::values::integer;
use crate::store::load::{Known, Looked, OutlineMark, OutlinePart, OutlineRow};
use crate::store::{ABSURD_S, first_seen_s};

/// Rows of one part of the outline.
const PART_ROWS: usize = 20_000;
/// New rows of one look.
const NEW_MAX: usize = 2_000;

/// Returns the next part of the outline. Where an index is missing it has ids alone.
///
/// # Errors
/// Any failure of the database, and the deadline.
pub fn outline(reader: &Reader, mark: &OutlineMark) -> Result<OutlinePart, DbError> {
    match mark {
        OutlineMark::Begin if is_indexed(reader)? => first_seen(reader, None),
        OutlineMark::Begin => ids_alone(reader, None),
        OutlineMark::FirstSeen(time, id) => first_seen(reader, Some((time, *id))),
        OutlineMark::Newest(after) => newest(reader, *after),
        OutlineMark::Ids(after) => ids_alone(reader, Some(*after)),
    }
}

fn is_indexed(reader: &Reader) -> Result<bool, DbError> {
    Ok(reader.has_index("idx_transmissions_first_seen")?
        && reader.has_index("idx_observations_tx_ts")?)
}

fn first_seen(reader: &Reader, after: Option<(&str, i64)>) -> Result<OutlinePart, DbError> {
    let read = |row: &Row<'_>| {
        let time = row.get_ref(1)?.as_bytes().map(|bytes| String::from_utf8_lossy(bytes));
        Ok((row.get::<_, i64>(0)?, time.unwrap_or_default().into_owned()))
    };
    let limit = i64::try_from(PART_ROWS).unwrap_or(i64::MAX);
    let rows = match after {
        None => {
            let sql = "SELECT id, first_seen FROM transmissions \
                       INDEXED BY idx_transmissions_first_seen ORDER BY first_seen, id LIMIT ?1";
            reader.rows(sql, [limit], read)?
        }
        Some((time, id)) => {
            let sql = "SELECT id, first_seen FROM transmissions \
                       INDEXED BY idx_transmissions_first_seen \
                       WHERE (first_seen, id) > (?1, ?2) ORDER BY first_seen, id LIMIT ?3";
            reader.rows(sql, (time, id, limit), read)?
        }
    };
    let next = match rows.last() {
        Some((id, time)) if rows.len() == PART_ROWS => OutlineMark::FirstSeen(time.clone(), *id),
        _ => OutlineMark::Newest(None),
    };
    let row = |(id, time): (i64, String)| OutlineRow {
        id,
        heard_s: first_seen_s(&time),
        observations: 0,
    };
    let rows = rows.into_iter().map(row).collect();
    Ok(OutlinePart { rows, next: Some(next), is_exact: true })
}

fn newest(reader: &Reader, after: Option<i64>) -> Result<OutlinePart, DbError> {
    const WHAT: &str = "SELECT transmission_id, \
         max(CASE WHEN typeof(timestamp) = 'integer' THEN timestamp END), count(*) \
         FROM observations INDEXED BY idx_observations_tx_ts";
    const ORDER: &str = "GROUP BY transmission_id ORDER BY transmission_id LIMIT ?1";
    // Each has some twenty observations, all of which are stepped over.
    let limit = PART_ROWS / 10;
    let rows_max = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &Row<'_>| {
        let count = row.get::<_, i64>(2)?;
        Ok(integer(row, 0)?.map(|id| OutlineRow {
            id,
            heard_s: row.get::<_, Option<i64>>(1).ok().flatten().unwrap_or(i64::MIN).min(ABSURD_S),
            observations: u32::try_from(count).unwrap_or(u32::MAX),
        }))
    };
    let rows = match after {
        None => reader.rows(&format!("{WHAT} {ORDER}"), [rows_max], read)?,
        Some(after) => {
            let sql = format!("{WHAT} WHERE transmission_id > ?2 {ORDER}");
            reader.rows(&sql, [rows_max, after], read)?
        }
    };
    let is_last = rows.len() < limit;
    let rows: Vec<OutlineRow> = rows.into_iter().flatten().collect();
    let next = rows.last().filter(|_| !is_last).map(|row| OutlineMark::Newest(Some(row.id)));
    Ok(OutlinePart { rows, next, is_exact: true })
}

fn ids_alone(reader: &Reader, after: Option<i64>) -> Result<OutlinePart, DbError> {
    let ids = ids_after(reader, after)?;
    let next = ids.last().map(|id| OutlineMark::Ids(*id));
    let row = |id| OutlineRow { id, heard_s: 0, observations: 20 };
    Ok(OutlinePart { rows: ids.into_iter().map(row).collect(), next, is_exact: false })
}

/// Returns ids of transmissions after this one, ascending, as many as one part has; none after
/// the last.
///
/// # Errors
/// As [`outline`].
pub fn ids_after(reader: &Reader, after: Option<i64>) -> Result<Vec<i64>, DbError> {
    let limit = i64::try_from(PART_ROWS).unwrap_or(i64::MAX);
    let id = |row: &Row<'_>| row.get(0);
    match after {
        None => reader.rows("SELECT id FROM transmissions ORDER BY id LIMIT ?1", [limit], id),
        Some(after) => {
            let sql = "SELECT id FROM transmissions WHERE id > ?1 ORDER BY id LIMIT ?2";
            reader.rows(sql, [after, limit], id)
        }
    }
}

/// Looks whether anything was written since `known`, and reads what is new and `ids` again.
///
/// # Errors
/// As [`outline`].
pub fn look(
    reader: &Reader,
    known: Option<Known>,
    ids: &[i64],
    counts: bool,
) -> Result<Looked, DbError> {
    let data_version = reader.number("PRAGMA data_version", [])?;
    let Some(known) = known else {
        let last = |table: &str| reader.number(&format!("SELECT max(id) FROM {table}"), []);
        let (transmission, observation) = (last("transmissions")?, last("observations")?);
        let known = Known { transmission, observation, data_version };
        return Ok(Looked { known, ..Looked::default() });
    };
    if known.data_version == data_version && ids.is_empty() {
        return Ok(Looked { known, ..Looked::default() });
    }
    let limit = i64::try_from(NEW_MAX).unwrap_or(i64::MAX);
    let sql = "SELECT id FROM transmissions WHERE id > ?1 ORDER BY id LIMIT ?2";
    let transmissions: Vec<i64> =
        reader.rows(sql, [known.transmission, limit], |row| row.get(0))?;
    let sql = "SELECT id, transmission_id FROM observations WHERE id > ?1 ORDER BY id LIMIT ?2";
    let observations: Vec<(i64, Option<i64>)> =
        reader.rows(sql, [known.observation, limit], |row| Ok((row.get(0)?, integer(row, 1)?)))?;
    let has_more = transmissions.len() == NEW_MAX || observations.len() == NEW_MAX;
    let transmission = transmissions.last().copied().unwrap_or(known.transmission);
    let observation = observations.last().map_or(known.observation, |(id, _)| *id);
    let mut wanted: Vec<i64> = ids.to_vec();
    wanted.extend(transmissions);
    wanted.extend(observations.into_iter().filter_map(|(_, id)| id));
    wanted.sort_unstable();
    wanted.dedup();
    let records = records(reader, &wanted)?;
    let found: std::collections::HashSet<i64> = records.iter().map(|record| record.id).collect();
    wanted.retain(|id| !found.contains(id));
    let known = Known { transmission, observation, data_version };
    let count = match counts {
        true => u64::try_from(reader.number("SELECT count(*) FROM transmissions", [])?).ok(),
        false => None,
    };
    Ok(Looked { known, has_more, records, gone: wanted, count })
}
