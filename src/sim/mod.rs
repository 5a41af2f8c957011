//! A simulated mesh: real keys, signatures and ciphers, invented people. Pure but for the time
//! that is handed in; the same seed says the same things.
//!
//! - [`network`] the nodes, who hears whom, and the observers; [`names`] what they are called
//! - [`traffic`] what they send, [`spread`] who hears it over which way
//! - [`envelope`] how observers tell a broker; [`live`] all of it as a stream of messages
//! - [`history`] the same as rows of a database's past; [`demo`] both, for `serve --demo`

pub mod demo;
pub mod envelope;
pub mod history;
pub mod live;
pub mod names;
pub mod network;
pub mod spread;
pub mod traffic;
