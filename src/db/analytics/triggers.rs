//! What marks a block as stale when a row is changed or deleted, whoever does it: we, a migration,
//! retention, or the original program on the same file. New rows are found by [`super::reach`].

use rusqlite::{Connection, OptionalExtension};

use super::reach;
use crate::db::error::{DbError, Doing};
use crate::store::analytics::BLOCK_BITS;

const ACTION: &str = "watch for changes that analytics must know of";

/// Name, moment, table, and the block by the changed row. Columns that analytics do not use
/// (`last_seen` is raised by every reception) are not watched.
const TRIGGERS: [(&str, &str, &[&str]); 4] = [
    (
        "_analytics_observation_changed",
        "UPDATE OF transmission_id, observer_idx, snr, rssi, path_json, timestamp ON observations",
        &["old.transmission_id", "new.transmission_id"],
    ),
    ("_analytics_observation_removed", "DELETE ON observations", &["old.transmission_id"]),
    (
        "_analytics_transmission_changed",
        "UPDATE OF id, raw_hex, hash, first_seen, route_type, payload_type, decoded_json \
         ON transmissions",
        &["old.id", "new.id"],
    ),
    ("_analytics_transmission_removed", "DELETE ON transmissions", &["old.id"]),
];

/// Makes the triggers, or makes those anew that are not as they should be, and begins the reach.
pub(in crate::db) fn install(conn: &Connection) -> Result<(), DbError> {
    for (name, moment, ids) in TRIGGERS {
        let sql = create_sql(name, moment, ids);
        let stored: Option<String> = conn
            .query_row("SELECT sql FROM sqlite_master WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .doing(ACTION)?;
        if stored.as_ref() == Some(&sql) {
            continue;
        }
        conn.execute_batch(&format!("DROP TRIGGER IF EXISTS {name}")).doing(ACTION)?;
        conn.execute_batch(&sql).doing(ACTION)?;
    }
    reach::begin(conn)
}

/// Takes the triggers and the digests away: a database as another program would have left it.
pub(in crate::db) fn uninstall(conn: &Connection) -> Result<(), DbError> {
    for (name, ..) in TRIGGERS {
        conn.execute_batch(&format!("DROP TRIGGER IF EXISTS {name}")).doing(ACTION)?;
    }
    let tables = "DROP TABLE _analytics_blocks; DROP TABLE _analytics_stale; \
                  DROP TABLE _analytics_reach";
    conn.execute_batch(tables).doing(ACTION)
}

/// A condition instead of `OR IGNORE`: the statement that fires a trigger decides what becomes of
/// conflicts inside it.
fn create_sql(name: &str, moment: &str, ids: &[&str]) -> String {
    let mark = |id: &&str| {
        let block = format!("{id} >> {BLOCK_BITS}");
        format!(
            "INSERT INTO _analytics_stale (block) SELECT {block} \
             WHERE NOT EXISTS (SELECT 1 FROM _analytics_stale WHERE block = {block}); "
        )
    };
    let marks: String = ids.iter().map(mark).collect();
    format!("CREATE TRIGGER {name} AFTER {moment} BEGIN {marks}END")
}
