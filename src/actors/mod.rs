//! Thin actix shells, each the sole owner of one thing. Everything clever is a plain function in
//! another module; actix (the actor crate) appears in this folder only.
//!
//! Who may ask whom (decision 6): `web → Intake, Live, Backfill`; `MqttSource → Intake`;
//! `Intake → Writer`; `Backfill → Writer`. The Writer tells, it never asks.

pub mod backfill;
pub mod delivery;
pub mod intake;
pub mod lifeline;
pub mod line;
pub mod live;
mod live_text;
pub mod writer;
