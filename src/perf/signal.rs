//! A value, or the reason why there is none: what cannot be read is never shown as zero
//! (decision 34).

use std::io;

/// A figure that may be missing.
pub type Signal<T> = Result<T, NoValue>;

/// Why a figure is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoValue {
    /// The kernel or the sandbox does not offer it.
    #[error("{0} is not there")]
    Absent(&'static str),
    /// It is there and cannot be read.
    #[error("{what} cannot be read: {kind}")]
    Unreadable {
        /// The file or the call.
        what: &'static str,
        /// How it failed.
        kind: io::ErrorKind,
    },
    /// It was read and is not what it should be; a file of which a part is missing is one too.
    #[error("{0} does not hold the expected figures")]
    Incomplete(&'static str),
    /// A rate needs two samples.
    #[error("there is no earlier sample to compare with")]
    First,
    /// Two samples are too close to make a rate of.
    #[error("less than 1 ms since the previous sample")]
    TooClose,
    /// A counter is lower than it was.
    #[error("a counter went backwards")]
    Backwards,
    /// Nothing of the kind runs in this process.
    #[error("no such thread is running")]
    NoThread,
    /// The sampler has not said anything for too long.
    #[error("the last sample is older than 5 s")]
    Stale,
    /// The sampler has not said anything yet.
    #[error("no sample has been taken yet")]
    NotSampled,
}

impl NoValue {
    /// Returns the reason that a failed read of `what` stands for.
    pub fn of_error(what: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent(what),
            kind => Self::Unreadable { what, kind },
        }
    }
}
