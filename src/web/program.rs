//! Which program answers.

/// The name that tells a page which program answers.
pub const ENGINE: &str = "corescope-rs";

/// What this program is.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Of Cargo.toml.
    pub version: &'static str,
    /// `CORESCOPE_COMMIT` at build time, or `unknown`.
    pub commit: &'static str,
    /// `CORESCOPE_BUILD_TIME` at build time, or `unknown`.
    pub time: &'static str,
}

/// This build.
pub const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    commit: match option_env!("CORESCOPE_COMMIT") {
        Some(commit) => commit,
        None => "unknown",
    },
    time: match option_env!("CORESCOPE_BUILD_TIME") {
        Some(time) => time,
        None => "unknown",
    },
};
