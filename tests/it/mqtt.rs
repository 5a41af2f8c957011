//! A source against a real Mosquitto, with a door of our own in the place of Intake.

mod away;
mod double;
mod failures;
mod lossless;
mod wire;
