//! The present shape of the tables that are written to.

use rusqlite::Connection;

use crate::db::error::DbError;
use crate::db::schema::DEDUP_INDEX;
use crate::db::{catalog, retention};

/// What the writer must know of the tables' present shape.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownTables {
    pub(super) has_dedup_index: bool,
    /// Copies one row of `inactive_nodes` into `nodes`, or makes one of both.
    pub(super) move_back_sql: String,
}

impl KnownTables {
    pub(super) fn read(conn: &Connection) -> Result<Self, DbError> {
        let move_back_sql = retention::move_back_sql(conn)?;
        let has_dedup_index = catalog::index_names(conn)?.contains(DEDUP_INDEX);
        Ok(Self { has_dedup_index, move_back_sql })
    }
}
