//! Moves from state to state: each is legal, and each is for the books.

use super::{Conductor, RUNNER};
use crate::actors::backfill::run::Run;
use crate::db::migrations::Phase;
use crate::perf::backfill::{Move, State};

/// A throttle that lasts so long is entered in the books; shorter ones are the normal pace.
const THROTTLE_TOLD_AFTER_MS: i64 = 2_000;

impl Conductor {
    /// What waited for the batch under way takes effect.
    pub(super) fn settle_if_asked(&mut self, index: usize) {
        match self.runs[index].state {
            State::Pausing => self.settle(index, State::Paused),
            State::Cancelling => self.settle(index, State::Cancelled),
            _ => {}
        }
    }

    fn settle(&mut self, index: usize, to: State) {
        let (why, by) = (self.runs[index].reason.clone(), self.runs[index].by.clone());
        self.shift(index, to, &why, &by);
    }

    /// Not entered in the books at once: a gate that opens and shuts is the normal pace.
    pub(super) fn throttle(&mut self, index: usize, why: &str) {
        let (now, now_ms) = (self.clock.monotonic(), self.clock.now_ms());
        let run = &mut self.runs[index];
        run.eta.note(0, now);
        run.stall.rest();
        if run.state != State::Throttled {
            if !run.state.may_become(State::Throttled) {
                return;
            }
            (run.state, run.since_ms, run.is_throttle_told) = (State::Throttled, now_ms, false);
            run.by = RUNNER.to_owned();
        }
        why.clone_into(&mut run.reason);
        if !run.is_throttle_told && now_ms - run.since_ms >= THROTTLE_TOLD_AFTER_MS {
            run.is_throttle_told = true;
            let (from, since_ms) = (active_state(run), run.since_ms);
            tracing::info!(migration = run.name, reason = why, "a migration is throttled");
            self.enter(index, from, State::Throttled, since_ms);
        }
    }

    pub(super) fn release(&mut self, index: usize, why: &str) {
        let run = &mut self.runs[index];
        if run.state != State::Throttled {
            return;
        }
        let to = active_state(run);
        if run.is_throttle_told {
            self.shift(index, to, why, RUNNER);
        } else {
            (run.state, run.since_ms) = (to, self.clock.now_ms());
            run.reason.clear();
        }
    }

    pub(super) fn shift(&mut self, index: usize, to: State, why: &str, by: &str) {
        let at_ms = self.clock.now_ms();
        let run = &mut self.runs[index];
        let from = run.state;
        if !from.may_become(to) {
            tracing::error!(migration = run.name, ?from, ?to, "an illegal move was not made");
            return;
        }
        (run.state, run.since_ms) = (to, at_ms);
        (run.reason, run.by) = (why.to_owned(), by.to_owned());
        if !to.is_active() {
            run.rest();
        }
        if to.is_final() {
            run.note_end(at_ms);
        }
        self.enter(index, from, to, at_ms);
    }

    fn enter(&mut self, index: usize, from: State, to: State, at_ms: i64) {
        let run = &self.runs[index];
        if run.job.is_some() {
            tracing::debug!(job = run.name, ?from, ?to, why = run.reason, "a job moved");
            return;
        }
        let (why, by) = (run.reason.clone(), run.by.clone());
        self.moves.push(Move { name: run.name, from, to, why, by, at_ms });
    }

    /// Moves that wait to be recorded.
    pub fn take_moves(&mut self) -> Vec<Move> {
        std::mem::take(&mut self.moves)
    }

    /// Gives back moves that could not be recorded.
    pub fn put_back(&mut self, mut moves: Vec<Move>) {
        moves.append(&mut self.moves);
        self.moves = moves;
    }
}

/// What a run is when nothing holds it up.
fn active_state(run: &Run) -> State {
    if run.next == Phase::Verify { State::Verifying } else { State::Running }
}
