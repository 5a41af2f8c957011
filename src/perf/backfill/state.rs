//! Where a migration stands, and every move that is legal (`design/backfill.md` §10.17).

use std::fmt;

/// Where a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for its turn.
    Pending,
    /// Its one long step is predicted to take so long that an operator has to agree.
    AwaitingApproval,
    /// Batches follow each other.
    Running,
    /// Would run, but something else comes first; the reason says what.
    Throttled,
    /// An operator has paused it; its last batch is still under way.
    Pausing,
    /// An operator has paused it. Survives a restart.
    Paused,
    /// An operator has cancelled it; its last batch is still under way.
    Cancelling,
    /// An operator has cancelled it; what is done stays done.
    Cancelled,
    /// The process ended while it ran; it goes on from its cursor.
    Interrupted,
    /// It cannot go on; the reason says why.
    Failed,
    /// All rows are done; they are looked at once more.
    Verifying,
    /// Done for good.
    Succeeded,
}

use State::{
    AwaitingApproval, Cancelled, Cancelling, Failed, Interrupted, Paused, Pausing, Pending,
    Running, Succeeded, Throttled, Verifying,
};

/// Every legal move.
const MOVES: &[(State, &[State])] = &[
    (Pending, &[AwaitingApproval, Running, Paused, Cancelled, Failed]),
    (AwaitingApproval, &[Running, Cancelled]),
    (
        Running,
        &[
            Throttled,
            Pausing,
            Paused,
            Cancelling,
            Cancelled,
            Interrupted,
            Failed,
            Verifying,
            Succeeded,
        ],
    ),
    (Throttled, &[Running, Verifying, Pausing, Paused, Cancelled, Interrupted, Failed]),
    (Pausing, &[Paused, Running, Cancelling, Interrupted, Failed, Succeeded]),
    (Paused, &[Pending, Cancelled]),
    (Cancelling, &[Cancelled, Interrupted, Failed, Succeeded]),
    (Cancelled, &[Pending]),
    (Interrupted, &[Running, Paused, Cancelled]),
    (Failed, &[Pending]),
    (
        Verifying,
        &[
            Running,
            Throttled,
            Pausing,
            Paused,
            Cancelling,
            Cancelled,
            Interrupted,
            Failed,
            Succeeded,
        ],
    ),
    (Succeeded, &[]),
];

impl State {
    /// All states, in the order of a life.
    pub const ALL: [Self; 12] = [
        Pending,
        AwaitingApproval,
        Running,
        Throttled,
        Pausing,
        Paused,
        Cancelling,
        Cancelled,
        Interrupted,
        Failed,
        Verifying,
        Succeeded,
    ];

    /// The name in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Pending => "pending",
            AwaitingApproval => "awaiting_approval",
            Running => "running",
            Throttled => "throttled",
            Pausing => "pausing",
            Paused => "paused",
            Cancelling => "cancelling",
            Cancelled => "cancelled",
            Interrupted => "interrupted",
            Failed => "failed",
            Verifying => "verifying",
            Succeeded => "succeeded",
        }
    }

    /// The state of this name; `None` if a later version wrote one that we do not know.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the move is legal.
    pub fn may_become(self, to: Self) -> bool {
        MOVES.iter().any(|(from, legal)| *from == self && legal.contains(&to))
    }

    /// Whether nothing more happens by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Cancelled | Failed | Succeeded)
    }

    /// Whether batches follow each other unless something comes first.
    pub fn is_active(self) -> bool {
        matches!(self, Running | Throttled | Verifying)
    }

    /// What a restart makes of it: what ran was interrupted, what an operator decided stays.
    pub fn after_restart(self) -> Self {
        match self {
            Running | Throttled | Verifying | Interrupted => Interrupted,
            Pausing => Paused,
            Cancelling => Cancelled,
            settled => settled,
        }
    }

    /// Where an operator's command leads. `is_out`: a batch is under way and ends first.
    ///
    /// # Errors
    /// The command makes no sense in this state.
    pub fn follow(self, command: Command, is_out: bool) -> Result<Self, Refusal> {
        let to = match (command, self) {
            (Command::Pause, Pending | Interrupted) => Paused,
            (Command::Pause, Running | Throttled | Verifying) if is_out => Pausing,
            (Command::Pause, Running | Throttled | Verifying) => Paused,
            (Command::Resume, Paused) => Pending,
            (Command::Resume, Pausing) => Running,
            (Command::Cancel, Running | Verifying | Pausing) if is_out => Cancelling,
            (Command::Cancel, from) if from.may_become(Cancelled) => Cancelled,
            (Command::Retry, Failed | Cancelled) => Pending,
            (Command::Approve, AwaitingApproval) => Running,
            (command, state) => return Err(Refusal { command, state }),
        };
        Ok(to)
    }
}

/// What an operator may ask of one migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stop within one batch, stay stopped.
    Pause,
    /// Go on.
    Resume,
    /// Give it up; what is done stays done.
    Cancel,
    /// Begin a failed or cancelled one afresh.
    Retry,
    /// Agree to a long step.
    Approve,
}

impl Command {
    /// Its name in URLs and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Approve => "approve",
        }
    }

    /// The command of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Pause, Self::Resume, Self::Cancel, Self::Retry, Self::Approve]
            .into_iter()
            .find(|command| command.as_str() == name)
    }
}

/// A command that makes no sense now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked.
    pub command: Command,
    /// Where the migration stands.
    pub state: State,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {}: it is {}", self.command.as_str(), self.state.as_str())
    }
}

/// One move: who, why, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The migration.
    pub name: &'static str,
    /// Where it stood.
    pub from: State,
    /// Where it stands.
    pub to: State,
    /// Why; for people.
    pub why: String,
    /// Who: `runner`, `restart`, or what an operator's request said.
    pub by: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_one_row_of_moves_and_a_name_that_is_read_back() {
        for state in State::ALL {
            assert_eq!(MOVES.iter().filter(|(from, _)| *from == state).count(), 1, "{state:?}");
            assert_eq!(State::of_name(state.as_str()), Some(state));
            assert!(!state.may_become(state), "{state:?} moves to itself");
        }
        assert_eq!(State::of_name("pending_async"), None);
    }

    #[test]
    fn whatever_a_command_leads_to_is_a_legal_move() {
        let commands =
            [Command::Pause, Command::Resume, Command::Cancel, Command::Retry, Command::Approve];
        for state in State::ALL {
            for command in commands {
                assert_eq!(Command::of_name(command.as_str()), Some(command));
                for is_out in [false, true] {
                    if let Ok(to) = state.follow(command, is_out) {
                        assert!(state.may_become(to), "{state:?} {command:?} {to:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_illegal_command_is_refused_and_says_why() {
        let refusal = State::Succeeded.follow(Command::Pause, false).err();
        let text = refusal.map(|refusal| refusal.to_string());
        assert_eq!(text.as_deref(), Some("cannot pause: it is succeeded"));
        for (state, command) in [
            (State::Paused, Command::Pause),
            (State::Running, Command::Resume),
            (State::Cancelled, Command::Cancel),
            (State::Running, Command::Retry),
            (State::Pending, Command::Approve),
        ] {
            assert!(state.follow(command, false).is_err(), "{state:?} {command:?}");
        }
        assert_eq!(State::Paused.follow(Command::Cancel, false), Ok(State::Cancelled));
    }

    #[test]
    fn a_restart_keeps_what_an_operator_decided() {
        assert_eq!(State::Throttled.after_restart(), State::Interrupted);
        assert_eq!(State::Pausing.after_restart(), State::Paused);
        assert_eq!(State::Cancelling.after_restart(), State::Cancelled);
        assert_eq!(State::Paused.after_restart(), State::Paused);
        assert_eq!(State::AwaitingApproval.after_restart(), State::AwaitingApproval);
    }

    #[test]
    fn every_state_is_reached_and_every_one_but_success_can_be_left() {
        for state in State::ALL {
            let is_reached = MOVES.iter().any(|(_, to)| to.contains(&state));
            assert!(is_reached, "{state:?} is never reached");
            let is_left = MOVES.iter().any(|(from, to)| *from == state && !to.is_empty());
            assert_eq!(is_left, state != State::Succeeded, "{state:?}");
        }
    }
}
