//! `corescope seed`: a large database of made-up but valid history, as an older CoreScope would
//! have left it (decision 23).

use std::io::IsTerminal;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::{Clock, parse_utc_ms};
use crate::db::bulk::{BulkWriter, Era};
use crate::db::{DbError, OpenOptions};
use crate::sim::history::{self, HistoryError, HistoryPlan};
use crate::sim::network::Network;

/// Makes 71,000 transmissions and 1.5 million observations fill about 2 GB.
const PADDING_BYTES: usize = 13_000;
const SPAN_S: i64 = 30 * 86_400;

/// Options of `seed`.
#[derive(clap::Args, Debug)]
pub struct SeedArgs {
    /// Database file to make; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Packets.
    #[arg(long, value_name = "N")]
    transmissions: usize,
    /// Receptions of these packets, 1 to 500 for each on average.
    #[arg(long, value_name = "M")]
    observations: usize,
    /// The same seed and end make the same database.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// When its 30 days end, such as 2026-07-18T00:00:00Z [default: now].
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
    /// Without padding: about half the size.
    #[arg(long)]
    lean: bool,
}

/// Why no database was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// `--end` is no time.
    #[error("--end {0} is no time, expected one such as 2026-07-18T00:00:00Z")]
    End(String),
    /// The history could not be made up.
    #[error("cannot make up {}", .0.display())]
    History(PathBuf, #[source] HistoryError),
    /// The database could not be begun or finished.
    #[error("cannot make {}", .0.display())]
    Db(PathBuf, #[source] DbError),
}

/// Makes the database and says how far it is on standard error.
///
/// # Errors
/// One line that says what to do; no half database is left behind.
pub fn run(args: &SeedArgs) -> Result<(), SeedError> {
    let clock = Clock::system();
    let plan = plan(args, &clock)?;
    let db_error = |error| SeedError::Db(args.db.clone(), error);
    let history_error = |error| SeedError::History(args.db.clone(), error);
    plan.check().map_err(history_error)?;
    let options = OpenOptions::new(Clock::manual(plan.end_s * 1000));
    let writer = BulkWriter::create(&args.db, plan.era, &options).map_err(db_error)?;
    let progress = Progress::new(args.observations);
    let network = Network::new(&plan.network());
    history::write(&plan, &network, &writer, |rows| progress.show(rows)).map_err(history_error)?;
    writer.finish(|step| progress.say(step)).map_err(db_error)?;
    let bytes = std::fs::metadata(&args.db).map_or(0, |file| file.len());
    progress.end(&format!(
        "{}: {} transmissions, {} observations, {:.2} GB in {:.1} s",
        args.db.display(),
        plan.transmissions,
        plan.observations,
        bytes as f64 / 1e9,
        clock.monotonic().as_secs_f64()
    ));
    Ok(())
}

fn plan(args: &SeedArgs, clock: &Clock) -> Result<HistoryPlan, SeedError> {
    let end_s = match &args.end {
        None => clock.now_s(),
        Some(text) => {
            let end_ms = parse_utc_ms(text).ok_or_else(|| SeedError::End(text.clone()))?;
            end_ms.div_euclid(1000)
        }
    };
    Ok(HistoryPlan {
        transmissions: args.transmissions,
        observations: args.observations,
        seed: args.seed,
        end_s,
        span_s: SPAN_S,
        padding_bytes: if args.lean { 0 } else { PADDING_BYTES },
        era: Era::PreBackfill,
    })
}

/// A bar on a terminal, else a line at every tenth.
struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    tenths: std::cell::Cell<u64>,
}

impl Progress {
    fn new(rows: usize) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal { ProgressBar::new(rows as u64) } else { ProgressBar::hidden() };
        bar.set_length(rows as u64);
        let template = "{bar:40} {human_pos} of {human_len} observations, {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, is_terminal, tenths: std::cell::Cell::new(0) }
    }

    fn show(&self, rows: usize) {
        self.bar.set_position(rows as u64);
        let tenths = rows as u64 * 10 / self.bar.length().unwrap_or(1).max(1);
        if !self.is_terminal && tenths > self.tenths.replace(tenths) {
            eprintln!("{rows} observations, {} %", tenths * 10);
        }
    }

    fn say(&self, step: &str) {
        self.bar.set_message(step.to_owned());
        if !self.is_terminal {
            eprintln!("{step}");
        }
    }

    fn end(&self, line: &str) {
        self.bar.finish_and_clear();
        eprintln!("{line}");
    }
}
