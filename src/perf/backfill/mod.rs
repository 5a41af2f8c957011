//! How changes of old rows are paced: the rules and nothing else. No clock, no database, no actor;
//! time comes in as a value (`design/backfill.md` §3, §10).

pub mod eta;
pub mod health;
pub mod knobs;
pub mod pacing;
pub mod servo;
pub mod state;

pub use eta::{Eta, EtaMeter, StallWatch};
pub use health::{HealthGate, Limits, Readings};
pub use knobs::{KnobValues, Knobs, TuneError};
pub use pacing::ZoneLaw;
pub use servo::Servo;
pub use state::{Command, Move, Refusal, State};
