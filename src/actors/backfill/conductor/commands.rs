//! What an operator says.

use std::sync::atomic::Ordering;

use super::{CommandError, Conductor};
use crate::db::migrations::Phase;
use crate::perf::backfill::knobs::Setting;
use crate::perf::backfill::{Command, State};

impl Conductor {
    /// Follows an operator's command; the moves are then to be recorded.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has moved then.
    pub fn command(
        &mut self,
        name: &str,
        command: Command,
        by: &str,
    ) -> Result<State, CommandError> {
        let index = self.find(name)?;
        let is_out = self.out.is_some_and(|(out, _)| out == index);
        let run = &mut self.runs[index];
        let to = run.state.follow(command, is_out).map_err(CommandError::Refused)?;
        match command {
            Command::Retry => run.reset(),
            Command::Approve => run.is_approved = true,
            _ => {}
        }
        let is_index = run.next == Phase::Index;
        if to == State::Cancelling || (to == State::Pausing && !is_index) {
            self.stop.store(true, Ordering::Relaxed);
        }
        self.shift(index, to, &format!("{} by {by}", command.as_str()), by);
        Ok(to)
    }

    /// Turns knobs of one migration, all or none; the next batch uses them.
    ///
    /// # Errors
    /// [`CommandError`]; nothing is changed then.
    pub fn tune(&mut self, name: &str, settings: &[(String, Setting)]) -> Result<(), CommandError> {
        let (index, now_ms) = (self.find(name)?, self.clock.now_ms());
        let mut knobs = self.runs[index].knobs.clone();
        for (knob, setting) in settings {
            knobs.tune(knob, setting, now_ms)?;
            let (value, by) = (setting.value, &setting.by);
            tracing::info!(migration = name, knob, value, by, "a knob was turned");
        }
        self.runs[index].knobs = knobs;
        Ok(())
    }

    fn find(&self, name: &str) -> Result<usize, CommandError> {
        let found = self.runs.iter().position(|run| run.name == name);
        found.ok_or_else(|| CommandError::Unknown(name.to_owned()))
    }
}
