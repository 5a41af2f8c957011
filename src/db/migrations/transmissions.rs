//! Steps over `transmissions`.
//!
//! A `+` before a column keeps SQLite on the key range: an index on that column would read all its
//! rows in every step.

use rusqlite::{Connection, params};

use super::{KeyRange, Left};
use crate::db::error::{DbError, Doing};

/// An original from before the column leaves 0. What was set aside is not tried again by itself.
pub(super) const LAST_SEEN_LEFT: Left = Left {
    sql: "SELECT EXISTS (SELECT 1 FROM (SELECT id FROM transmissions WHERE last_seen = 0 \
          ORDER BY id DESC LIMIT 1000) AS unfilled WHERE EXISTS (SELECT 1 FROM observations \
          WHERE transmission_id = unfilled.id AND timestamp > 0) AND NOT EXISTS (SELECT 1 \
          FROM _migration_dead_letters WHERE name = 'tx_last_seen_backfill_v1' \
          AND row_key = unfilled.id))",
    needs: &["idx_tx_last_seen_zero", "idx_observations_tx_ts"],
};

/// One from before that column leaves NULL; a later one looks at each of its starts. An advert too
/// short for a key has NULL too, and none could be made.
pub(super) const FROM_PUBKEY_LEFT: Left = Left {
    sql: "SELECT EXISTS (SELECT 1 FROM (SELECT id, payload_type, from_pubkey, decoded_json \
          FROM transmissions ORDER BY id DESC LIMIT 1000) AS newest WHERE payload_type = 4 \
          AND from_pubkey IS NULL \
          AND CASE WHEN json_valid(decoded_json) THEN decoded_json ->> '$.pubKey' > '' END \
          AND NOT EXISTS (SELECT 1 FROM _migration_dead_letters \
          WHERE name = 'backfill_from_pubkey_v1' AND row_key = newest.id))",
    needs: &[],
};

/// Runs one statement over a key range (`?1` to `?2`) and returns the rows it changed.
pub(super) fn change(
    conn: &Connection,
    range: KeyRange,
    action: &'static str,
    sql: &str,
) -> Result<u64, DbError> {
    let changed = conn
        .prepare_cached(sql)
        .and_then(|mut rows| rows.execute(params![range.first, range.last]))
        .doing(action)?;
    Ok(changed as u64)
}

/// Deletes what cannot be found again: without hash or time. Observations go first, because they
/// refer to it.
pub(super) fn delete_unusable(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    const ACTION: &str = "delete transmissions without hash or time";
    change(
        conn,
        range,
        ACTION,
        "DELETE FROM observations WHERE transmission_id IN (SELECT id FROM transmissions \
         WHERE id BETWEEN ?1 AND ?2 AND (COALESCE(+hash, '') = '' \
         OR COALESCE(+first_seen, '') = ''))",
    )?;
    change(
        conn,
        range,
        ACTION,
        "DELETE FROM transmissions WHERE id BETWEEN ?1 AND ?2 \
         AND (COALESCE(+hash, '') = '' OR COALESCE(+first_seen, '') = '')",
    )
}

pub(super) const FILL_LAST_SEEN: &str = "WITH newest AS MATERIALIZED (SELECT id, (SELECT MAX(timestamp) FROM observations \
     WHERE transmission_id = t.id) AS heard FROM transmissions t \
     WHERE id BETWEEN ?1 AND ?2 AND last_seen = 0) \
     UPDATE transmissions SET last_seen = newest.heard FROM newest \
     WHERE transmissions.id = newest.id AND newest.heard > 0";

/// Fills `last_seen` with the newest observation's time: one index seek a row (002-12, 004-32).
/// A transmission without observations, or with none after 1970, keeps 0 (002-03, HZ 9).
pub(super) fn fill_last_seen(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    change(conn, range, "fill last_seen", FILL_LAST_SEEN)
}

/// Fills the advertiser's key; `''` where there is none, so that nobody looks again.
pub(super) fn fill_from_pubkey(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    change(
        conn,
        range,
        "fill from_pubkey",
        "UPDATE transmissions SET from_pubkey = CASE WHEN json_valid(decoded_json) \
         THEN COALESCE(lower(decoded_json ->> '$.pubKey'), '') ELSE '' END \
         WHERE id BETWEEN ?1 AND ?2 AND +payload_type = 4 AND +from_pubkey IS NULL",
    )
}

/// Fills the channel of old channel messages: its name, or `enc_` and its hash.
pub(super) fn fill_channel_hash(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    change(
        conn,
        range,
        "fill channel_hash",
        "WITH named AS MATERIALIZED (SELECT id, CASE WHEN json_valid(decoded_json) THEN \
         CASE decoded_json ->> '$.type' WHEN 'CHAN' THEN decoded_json ->> '$.channel' \
         WHEN 'GRP_TXT' THEN 'enc_' || (decoded_json ->> '$.channelHashHex') END END AS channel \
         FROM transmissions \
         WHERE id BETWEEN ?1 AND ?2 AND +payload_type = 5 AND +channel_hash IS NULL) \
         UPDATE transmissions SET channel_hash = named.channel FROM named \
         WHERE transmissions.id = named.id AND named.channel IS NOT NULL",
    )
}

/// `public` became `Public`.
pub(super) fn raise_public(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    change(
        conn,
        range,
        "correct the name of the public channel",
        "UPDATE transmissions SET channel_hash = 'Public' \
         WHERE id BETWEEN ?1 AND ?2 AND +payload_type = 5 AND +channel_hash = 'public'",
    )
}
