//! How an operation is shared among its sources.

use super::source::{Share, Source};

/// Sources of a group of receptions, in the order of [`Shares::group`].
const GROUP: [Source; 6] = [
    Source::Packets,
    Source::Adverts,
    Source::Observers,
    Source::Metrics,
    Source::ClientReceptions,
    Source::DroppedPackets,
];

/// The shares of one operation, without allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    shares: [Share; GROUP.len()],
    count: usize,
}

impl Shares {
    /// Of a group of receptions that has written nothing yet.
    pub fn group() -> Self {
        let shares = GROUP.map(|source| Share { source, rows: 0, errors: 0 });
        Self { shares, count: GROUP.len() }
    }

    /// Of an operation that has one source.
    pub fn one(source: Source, rows: u64) -> Self {
        Self { shares: [Share { source, rows, errors: 0 }; GROUP.len()], count: 1 }
    }

    /// Adds rows of a source; one that is not among them is the first's.
    pub fn add_rows(&mut self, source: Source, rows: u64) {
        self.of(source).rows += rows;
    }

    /// Adds an error of a source.
    pub fn add_error(&mut self, source: Source) {
        self.of(source).errors += 1;
    }

    /// Those that took part, in order; if nobody had rows or errors, the first alone.
    pub fn taken_part(mut self) -> Self {
        let mut kept = 0;
        for index in 0..self.count {
            let share = self.shares[index];
            if share.rows + share.errors > 0 {
                self.shares[kept] = share;
                kept += 1;
            }
        }
        self.count = kept.max(1);
        self
    }

    /// The shares.
    pub fn as_slice(&self) -> &[Share] {
        &self.shares[..self.count]
    }

    fn of(&mut self, source: Source) -> &mut Share {
        let known = self.shares[..self.count].iter().position(|share| share.source == source);
        &mut self.shares[known.unwrap_or(0)]
    }
}

/// The index of the source with most rows; the first of equals.
pub(super) fn owner(shares: &[Share]) -> usize {
    let most = shares.iter().map(|share| share.rows).max().unwrap_or(0);
    shares.iter().position(|share| share.rows == most).unwrap_or(0)
}

/// Divides each total among the shares by their rows (equally if there are none). The portions of
/// a total add up to it, and each is less than 1 away from its exact value.
pub fn apportion<const N: usize>(
    totals: [u64; N],
    shares: &[Share],
) -> impl Iterator<Item = (&Share, [u64; N])> {
    let rows: u128 = shares.iter().map(|share| u128::from(share.rows)).sum();
    let weight_of = move |share: &Share| if rows == 0 { 1 } else { u128::from(share.rows) };
    let whole = if rows == 0 { shares.len() as u128 } else { rows };
    let mut seen = 0_u128;
    shares.iter().map(move |share| {
        let before = seen;
        seen += weight_of(share);
        let portion = |total: u64| {
            let upto = |part: u128| u128::from(total) * part / whole.max(1);
            u64::try_from(upto(seen) - upto(before)).unwrap_or(u64::MAX)
        };
        (share, totals.map(portion))
    })
}
