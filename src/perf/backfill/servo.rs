//! How many rows the next batch takes: the 90th percentile of the last ten batches' cost per row
//! is held against two budgets, time and WAL pages (`design/backfill.md` §10.6, §10.7).

use std::collections::VecDeque;
use std::time::Duration;

const BATCHES_KEPT: usize = 10;
const GROWTH_MAX: f64 = 1.5;
/// The 90th percentile aims so far below the budget that the 99th, commit included, keeps it.
const HOLD_AIM: f64 = 0.6;
/// A batch that took so many times its budget is answered at once.
const PANIC_RATIO: f64 = 5.0;
const PANIC_SHRINK: u64 = 10;
/// Below this a batch costs more than its rows do; a knob may ask for less.
const ROWS_MIN: u64 = 10;

/// The budgets of one batch; the first that binds wins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budgets {
    /// How long the writer is held, waiting for it left out.
    pub hold: Duration,
    /// Pages added to the WAL.
    pub wal_pages: u64,
    /// Rows; at least 1.
    pub rows: u64,
}

impl Budgets {
    /// How long a batch goes on taking rows.
    pub fn hold_aim(&self) -> Duration {
        self.hold.mul_f64(HOLD_AIM)
    }
}

/// Chooses batch sizes.
#[derive(Clone, Debug)]
pub struct Servo {
    rows: u64,
    /// Microseconds and pages a row of the last batches.
    costs: VecDeque<(f64, f64)>,
}

impl Servo {
    /// Begins with `rows` a batch.
    pub fn new(rows: u64) -> Self {
        Self { rows: rows.max(1), costs: VecDeque::with_capacity(BATCHES_KEPT) }
    }

    /// Rows of the next batch, within the budget of rows.
    pub fn rows(&self, budgets: &Budgets) -> u64 {
        self.rows.clamp(1, budgets.rows.max(1))
    }

    /// Learns what a batch cost. A batch without rows teaches nothing.
    pub fn learn(&mut self, rows: u64, hold: Duration, wal_pages: u64, budgets: &Budgets) {
        if rows == 0 {
            return;
        }
        let hold_us = hold.as_secs_f64() * 1e6;
        let budget_us = budgets.hold.as_secs_f64() * 1e6;
        let ratio =
            (hold_us / budget_us.max(1.0)).max(wal_pages as f64 / budgets.wal_pages.max(1) as f64);
        if self.costs.len() == BATCHES_KEPT {
            self.costs.pop_front();
        }
        self.costs.push_back((hold_us / rows as f64, wal_pages as f64 / rows as f64));
        if ratio > PANIC_RATIO {
            self.set(self.rows / PANIC_SHRINK, budgets);
            return;
        }
        let (us, pages) = (self.p90(|cost| cost.0), self.p90(|cost| cost.1));
        let fits = |budget: f64, cost: f64| if cost > 0.0 { budget / cost } else { f64::INFINITY };
        let aim_us = budgets.hold_aim().as_secs_f64() * 1e6;
        let wanted = fits(aim_us, us).min(fits(budgets.wal_pages as f64, pages));
        let grown = (self.rows as f64 * GROWTH_MAX).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        self.set(wanted.min(grown) as u64, budgets);
    }

    /// A batch was rolled back at its deadline, or failed: half of it next.
    pub fn halve(&mut self) {
        self.rows = (self.rows / 2).max(1);
    }

    /// A single row was at fault and is set aside: normal sizes again.
    pub fn recover(&mut self) {
        self.rows = self.rows.max(ROWS_MIN);
    }

    fn set(&mut self, rows: u64, budgets: &Budgets) {
        let most = budgets.rows.max(1);
        self.rows = rows.clamp(ROWS_MIN.min(most), most);
    }

    fn p90(&self, of: impl Fn(&(f64, f64)) -> f64) -> f64 {
        let mut values: Vec<f64> = self.costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let rank = (values.len() * 9).div_ceil(10).saturating_sub(1);
        values.get(rank).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, proptest};

    use super::*;

    const BUDGETS: Budgets =
        Budgets { hold: Duration::from_millis(10), wal_pages: 256, rows: 20_000 };

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn it_grows_by_half_at_most_and_settles_at_the_budget() {
        // 004-33: a batch is as large as its time allows, at any scale.
        let mut servo = Servo::new(100);
        servo.learn(100, us(100), 1, &BUDGETS);
        assert_eq!(servo.rows(&BUDGETS), 150);
        for _ in 0..20 {
            let rows = servo.rows(&BUDGETS);
            servo.learn(rows, us(rows * 20), 1, &BUDGETS);
        }
        assert_eq!(servo.rows(&BUDGETS), 300, "6 of 10 ms at 20 µs a row");
    }

    #[test]
    fn one_batch_far_over_its_budget_shrinks_the_next_tenfold_at_once() {
        let mut servo = Servo::new(5_000);
        servo.learn(5_000, Duration::from_millis(51), 1, &BUDGETS);
        assert_eq!(servo.rows(&BUDGETS), 500);
        let mut servo = Servo::new(5_000);
        servo.learn(5_000, us(10), 256 * 6, &BUDGETS);
        assert_eq!(servo.rows(&BUDGETS), 500, "pages count as time does");
    }

    #[test]
    fn pages_bind_where_time_does_not() {
        let mut servo = Servo::new(1_000);
        for _ in 0..10 {
            let rows = servo.rows(&BUDGETS);
            servo.learn(rows, us(rows), rows, &BUDGETS);
        }
        assert_eq!(servo.rows(&BUDGETS), 256, "one page a row");
    }

    #[test]
    fn one_quick_batch_among_slow_ones_does_not_make_it_grow() {
        let mut servo = Servo::new(500);
        for _ in 0..9 {
            servo.learn(500, Duration::from_millis(6), 1, &BUDGETS);
        }
        servo.learn(500, us(1), 1, &BUDGETS);
        assert_eq!(servo.rows(&BUDGETS), 500);
    }

    #[test]
    fn halving_reaches_one_row_and_recovers_from_it() {
        let mut servo = Servo::new(20_000);
        for _ in 0..20 {
            servo.halve();
        }
        assert_eq!(servo.rows(&BUDGETS), 1);
        servo.recover();
        assert_eq!(servo.rows(&BUDGETS), ROWS_MIN);
    }

    proptest! {
        /// Whatever the costs and knobs, a batch has at least one row, never more than the knob
        /// says, and never grows by more than half.
        #[test]
        fn sizes_stay_within_their_bounds(
            start in 0_u64..100_000,
            rows_max in 0_u64..50_000,
            costs in prop::collection::vec((0_u64..10_000_000, 0_u64..1_000_000), 0..40),
        ) {
            let budgets = Budgets { rows: rows_max, ..BUDGETS };
            let mut servo = Servo::new(start);
            for (hold_us, pages) in costs {
                let before = servo.rows(&budgets);
                servo.learn(before, us(hold_us), pages, &budgets);
                let after = servo.rows(&budgets);
                assert!(after >= 1 && after <= rows_max.max(1));
                assert!(after as f64 <= (before as f64 * GROWTH_MAX).ceil().max(ROWS_MIN as f64));
            }
        }
    }
}
