//! Steps over `nodes` and `observers`.

use rusqlite::{Connection, params};

use super::KeyRange;
use super::transmissions::change;
use crate::db::error::{DbError, Doing};

/// Lower-cases keys. Where the lower-case node is there as well, the two are one node and are
/// merged; a clash must not undo the others, as it once did.
pub(super) fn lower_keys(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    const ACTION: &str = "lower-case the keys of nodes";
    let mut changed = change(
        conn,
        range,
        ACTION,
        "UPDATE OR IGNORE nodes SET public_key = lower(public_key) \
         WHERE rowid BETWEEN ?1 AND ?2 AND public_key <> lower(public_key)",
    )?;
    let sql = "SELECT rowid FROM nodes WHERE rowid BETWEEN ?1 AND ?2 \
               AND public_key <> lower(public_key) ORDER BY rowid";
    let mut statement = conn.prepare_cached(sql).doing(ACTION)?;
    let clashing = statement
        .query_map(params![range.first, range.last], |row| row.get(0))
        .and_then(Iterator::collect::<Result<Vec<i64>, _>>)
        .doing(ACTION)?;
    for rowid in clashing {
        changed += merge_into_lower(conn, rowid)?;
    }
    Ok(changed)
}

/// The lower-case node gets what it lacks, both counts, the earlier `first_seen` and the later
/// `last_seen`; the other goes.
fn merge_into_lower(conn: &Connection, rowid: i64) -> Result<u64, DbError> {
    const ACTION: &str = "merge two spellings of a node";
    let one = KeyRange { first: rowid, last: rowid };
    change(
        conn,
        one,
        ACTION,
        "WITH other AS MATERIALIZED (SELECT * FROM nodes WHERE rowid BETWEEN ?1 AND ?2) \
         UPDATE nodes SET name = COALESCE(NULLIF(nodes.name, ''), other.name), \
         role = COALESCE(nodes.role, other.role), lat = COALESCE(nodes.lat, other.lat), \
         lon = COALESCE(nodes.lon, other.lon), \
         last_seen = MAX(COALESCE(nodes.last_seen, ''), COALESCE(other.last_seen, '')), \
         first_seen = MIN(COALESCE(nodes.first_seen, other.first_seen), \
         COALESCE(other.first_seen, nodes.first_seen)), \
         advert_count = COALESCE(nodes.advert_count, 0) + COALESCE(other.advert_count, 0), \
         battery_mv = COALESCE(nodes.battery_mv, other.battery_mv), \
         temperature_c = COALESCE(nodes.temperature_c, other.temperature_c), \
         default_scope = COALESCE(nodes.default_scope, other.default_scope), \
         multibyte_evidence = IIF(other.multibyte_sup > nodes.multibyte_sup, \
         other.multibyte_evidence, nodes.multibyte_evidence), \
         multibyte_sup = MAX(nodes.multibyte_sup, other.multibyte_sup) \
         FROM other WHERE nodes.public_key = lower(other.public_key)",
    )?;
    change(conn, one, ACTION, "DELETE FROM nodes WHERE rowid BETWEEN ?1 AND ?2")
}

/// Sets `advert_count` to the number of different adverts that are stored.
pub(super) fn count_adverts(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    change(
        conn,
        range,
        "count the adverts of nodes",
        "WITH counted AS MATERIALIZED (SELECT rowid AS node, (SELECT COUNT(*) FROM transmissions \
         WHERE from_pubkey = n.public_key AND +payload_type = 4) AS adverts FROM nodes n \
         WHERE rowid BETWEEN ?1 AND ?2) \
         UPDATE nodes SET advert_count = counted.adverts FROM counted \
         WHERE nodes.rowid = counted.node AND nodes.advert_count IS NOT counted.adverts",
    )
}

/// Fills the scope of a node from its newest scoped advert; what the writer has set is newer.
pub(super) fn fill_default_scope(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    change(
        conn,
        range,
        "fill the default scope of nodes",
        "WITH newest AS MATERIALIZED (SELECT rowid AS node, (SELECT scope_name FROM transmissions \
         WHERE from_pubkey = n.public_key AND +payload_type = 4 AND +scope_name <> '' \
         ORDER BY +first_seen DESC LIMIT 1) AS scope FROM nodes n \
         WHERE rowid BETWEEN ?1 AND ?2 AND default_scope IS NULL) \
         UPDATE nodes SET default_scope = newest.scope FROM newest \
         WHERE nodes.rowid = newest.node AND newest.scope IS NOT NULL",
    )
}

/// Makes whole-number noise floors real.
pub(super) fn make_noise_floor_real(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    change(
        conn,
        range,
        "make noise floors real",
        "UPDATE observers SET noise_floor = CAST(noise_floor AS REAL) \
         WHERE rowid BETWEEN ?1 AND ?2 AND typeof(noise_floor) = 'integer'",
    )
}

/// Assumes that an observer which has observations was last seen with a packet.
pub(super) fn fill_last_packet_at(conn: &Connection, range: KeyRange) -> Result<u64, DbError> {
    change(
        conn,
        range,
        "fill last_packet_at",
        "UPDATE observers SET last_packet_at = last_seen WHERE rowid BETWEEN ?1 AND ?2 \
         AND last_packet_at IS NULL AND last_seen IS NOT NULL AND EXISTS \
         (SELECT 1 FROM observations WHERE observer_idx = observers.rowid)",
    )
}
