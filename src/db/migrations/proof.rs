//! What a verification has read, as a hash (`design/backfill.md` §10.26): equal for equal rows,
//! whatever steps and restarts they were read in.
//!
//! It is chained row by row in the order of keys: SHA-256 over the hash before (zeros at first),
//! the row's key and the values that prove it done ([`Walk::target`]). A value is a letter and its
//! bytes: `n` for NULL, `i` and `r` with 8 bytes (big-endian; IEEE 754), `t` and `b` with 8 bytes of
//! length before the bytes themselves. So its hex form is all that has to be kept to go on.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use super::{KeyRange, Walk};
use crate::db::error::{DbError, Doing};

/// How far the rows of a run have been read, and their hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) rows: u64,
    hash: [u8; 32],
}

impl Proof {
    /// Goes on from a stored one; `None` if that is no hash.
    pub(super) fn of_hex(rows: u64, hex: &str) -> Option<Self> {
        let mut hash = [0; 32];
        hex::decode_to_slice(hex, &mut hash).ok()?;
        Some(Self { rows, hash })
    }

    /// The hash in 64 digits.
    pub(super) fn hex(&self) -> String {
        hex::encode(self.hash)
    }

    /// Reads the rows of a key range, which lies behind those that were read before.
    pub(super) fn read(
        &mut self,
        tx: &Connection,
        walk: &Walk,
        range: KeyRange,
    ) -> Result<(), DbError> {
        const ACTION: &str = "read what a migration has done";
        let mut statement = tx.prepare_cached(&read_sql(walk)).doing(ACTION)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params![range.first, range.last]).doing(ACTION)?;
        while let Some(row) = rows.next().doing(ACTION)? {
            let mut next = Sha256::new().chain_update(self.hash);
            for column in 0..columns {
                add_value(&mut next, row.get_ref(column).doing(ACTION)?);
            }
            (self.hash, self.rows) = (next.finalize().into(), self.rows + 1);
        }
        Ok(())
    }
}

pub(super) fn read_sql(Walk { table, key, target, .. }: &Walk) -> String {
    format!(
        "SELECT {key}, {target} FROM {table} WHERE {key} >= ?1 AND {key} <= ?2 \
         ORDER BY {key}, rowid"
    )
}

fn add_value(hash: &mut Sha256, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => hash.update(b"n"),
        ValueRef::Integer(number) => {
            hash.update(b"i");
            hash.update(number.to_be_bytes());
        }
        ValueRef::Real(number) => {
            hash.update(b"r");
            hash.update(number.to_bits().to_be_bytes());
        }
        ValueRef::Text(bytes) => add_bytes(hash, b"t", bytes),
        ValueRef::Blob(bytes) => add_bytes(hash, b"b", bytes),
    }
}

fn add_bytes(hash: &mut Sha256, letter: &[u8], bytes: &[u8]) {
    hash.update(letter);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}
