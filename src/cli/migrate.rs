//! `corescope migrate`: shows, runs and steers migrations, of a database or of a running process.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::actors::backfill::{Conductor, Step};
use crate::causes::chain;
use crate::clock::Clock;
use crate::config::MigrationsConfig;
use crate::db::checkpoint::{CheckpointOptions, Checkpointer};
use crate::db::migrations::{MigrationStatus, Verification};
use crate::db::{self, OpenOptions, WriteConnection};
use crate::perf::backfill::{Command, Readings, State};

/// Who asks.
const BY: &str = "command line";
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Options of `migrate`.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("where").required(true).args(["db", "url"]))]
pub struct MigrateArgs {
    /// The database; no other process may write to it meanwhile.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// A running process, as in http://127.0.0.1:3000.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Its API key.
    #[arg(long, env = "CORESCOPE_API_KEY", hide_env_values = true, requires = "url")]
    key: Option<String>,
    /// Regions are configured: run what only they need as well.
    #[arg(long)]
    with_regions: bool,
    #[command(flatten)]
    action: Action,
}

#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct Action {
    /// Show where all migrations stand (this is what happens if nothing else is asked for).
    #[arg(long)]
    status: bool,
    /// Run what is left to do to its end, at full speed (with --db only).
    #[arg(long, conflicts_with = "url")]
    run: bool,
    /// Predict what a migration still costs; nothing is changed.
    #[arg(long, value_name = "NAME")]
    dry_run: Option<String>,
    /// Pause a migration; it stays paused over restarts.
    #[arg(long, value_name = "NAME")]
    pause: Option<String>,
    /// Let a paused migration go on.
    #[arg(long, value_name = "NAME")]
    resume: Option<String>,
    /// Give a migration up; what is done stays done.
    #[arg(long, value_name = "NAME")]
    cancel: Option<String>,
    /// Begin a failed or cancelled migration afresh.
    #[arg(long, value_name = "NAME")]
    retry: Option<String>,
    /// Agree to a long step.
    #[arg(long, value_name = "NAME")]
    approve: Option<String>,
}

impl Action {
    fn command(&self) -> Option<(Command, &str)> {
        let named = [
            (Command::Pause, &self.pause),
            (Command::Resume, &self.resume),
            (Command::Cancel, &self.cancel),
            (Command::Retry, &self.retry),
            (Command::Approve, &self.approve),
        ];
        named.into_iter().find_map(|(command, name)| Some((command, name.as_deref()?)))
    }
}

/// Does what is asked for.
///
/// # Errors
/// One line: what could not be done, or which migrations have failed.
pub fn run(args: &MigrateArgs) -> Result<(), String> {
    match (&args.db, &args.url) {
        (Some(path), _) => run_offline(args, path),
        (None, Some(url)) => run_online(args, url.trim_end_matches('/')),
        (None, None) => Err("name a database with --db or a process with --url".to_owned()),
    }
}

fn run_offline(args: &MigrateArgs, path: &Path) -> Result<(), String> {
    let clock = Clock::system();
    if !path.exists() {
        return Err(format!("{} does not exist", path.display()));
    }
    let options = OpenOptions { has_regions: args.with_regions, ..OpenOptions::new(clock.clone()) };
    let mut writer = db::open(path, &options).map_err(|error| chain(&error))?.writer;
    let result = act_offline(args, &mut writer, &clock);
    let closed = writer.close().map_err(|error| chain(&error));
    result.and(closed)
}

fn act_offline(
    args: &MigrateArgs,
    writer: &mut WriteConnection,
    clock: &Clock,
) -> Result<(), String> {
    let to_line = |error: db::DbError| chain(&error);
    if let Some(name) = &args.action.dry_run {
        let predicted = writer.dry_run(name).map_err(to_line)?;
        println!("{}", serde_json::to_string_pretty(&predicted).unwrap_or_default());
        return Ok(());
    }
    let config = MigrationsConfig { is_turbo: true, ..MigrationsConfig::default() };
    let states = writer.stored_states().map_err(to_line)?;
    let mut conductor = Conductor::new(states, &config, clock.clone());
    if let Some((command, name)) = args.action.command() {
        let state = conductor.command(name, command, BY).map_err(|error| chain(&error))?;
        writer.record_moves(&conductor.take_moves()).map_err(to_line)?;
        println!("{name}: {}", state.as_str());
        return Ok(());
    }
    if args.action.run {
        return run_to_the_end(writer, &mut conductor, clock);
    }
    let listed = writer.list_migrations(clock.now_s()).map_err(to_line)?;
    listed.iter().for_each(|migration| println!("{}", line_of(migration)));
    Ok(())
}

/// The same course as in a serving process, but nobody else is there to be considerate of.
fn run_to_the_end(
    writer: &mut WriteConnection,
    conductor: &mut Conductor,
    clock: &Clock,
) -> Result<(), String> {
    let options = CheckpointOptions { gauges: writer.wal(), ..CheckpointOptions::default() };
    let checkpointer = Checkpointer::start(writer.path(), options, clock.clone())
        .map_err(|error| chain(&error))?;
    let bar = Bar::new();
    loop {
        match conductor.next(&Readings::QUIET, false) {
            Step::Record(moves) => {
                moves.iter().for_each(|moved| bar.say(moved.name, moved.to, &moved.why));
                writer.record_moves(&moves).map_err(|error| chain(&error))?;
            }
            Step::Batch(request, limits) => {
                let answer = writer.run_batch(&request, &limits);
                if let Ok(reply) = &answer {
                    bar.show(reply.name, reply.rows_done, reply.rows_total);
                }
                std::thread::sleep(conductor.note(answer));
            }
            Step::Job(request, limits) => {
                let answer = writer.run_job(&request, &limits);
                std::thread::sleep(conductor.note(answer));
            }
            Step::After(pause) => std::thread::sleep(pause),
            Step::Idle => break,
        }
    }
    bar.end();
    checkpointer.stop();
    let live = conductor.live();
    let open: Vec<String> = live
        .iter()
        .filter(|run| !matches!(run.state, State::Succeeded | State::Cancelled))
        .map(|run| format!("{} is {}: {}", run.name, run.state.as_str(), run.reason))
        .collect();
    if open.is_empty() { Ok(()) } else { Err(open.join("; ")) }
}

/// A bar on a terminal, else a line at each move.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let template = "{bar:30} {human_pos} of {human_len} rows, {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&self, name: &'static str, done: u64, total: u64) {
        self.0.set_length(total.max(done));
        self.0.set_position(done);
        self.0.set_message(name);
    }

    fn say(&self, name: &str, state: State, why: &str) {
        let line = format!("{name}: {} ({why})", state.as_str());
        if self.0.is_hidden() {
            eprintln!("{line}")
        } else {
            self.0.println(line)
        }
        self.0.reset_eta();
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}

fn line_of(migration: &MigrationStatus) -> String {
    let MigrationStatus { name, state, rows_processed, rows_total, rows_failed, .. } = migration;
    let mut line = format!("{name:40} {state:18} {rows_processed} of {rows_total} rows");
    if *rows_failed > 0 {
        line.push_str(&format!(", {rows_failed} set aside"));
    }
    if let Some(Verification { rows_checked, rows_differing, hash, .. }) = &migration.verification {
        line.push_str(&verified(*rows_checked, *rows_differing, hash));
    }
    if let Some(reason) = migration.error_message.as_ref().or(migration.state_reason.as_ref()) {
        line.push_str(&format!("  ({reason})"));
    }
    line
}

fn verified(rows: i64, differing: i64, hash: &str) -> String {
    format!(", {rows} verified, {differing} differ, sha256 {hash}")
}

fn run_online(args: &MigrateArgs, url: &str) -> Result<(), String> {
    let list = format!("{url}/api/perf/async-migrations");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER_WITHIN))
        .http_status_as_error(false)
        .build()
        .into();
    let (command, name) = match (&args.action.dry_run, args.action.command()) {
        (Some(name), _) => ("dry-run", name.as_str()),
        (None, Some((command, name))) => (command.as_str(), name),
        (None, None) => {
            let answer = agent.get(&list).call();
            let rows = body_of(&list, answer)?;
            rows.as_array().into_iter().flatten().for_each(|row| println!("{}", online_line(row)));
            return Ok(());
        }
    };
    let target = format!("{list}/{name}/{command}");
    let key = args.key.as_deref().unwrap_or_default();
    let body = serde_json::json!({ "by": BY }).to_string();
    let answer = agent.post(&target).header("X-API-Key", key).send(body);
    let told = body_of(&target, answer)?;
    println!("{}", serde_json::to_string_pretty(&told).unwrap_or_default());
    Ok(())
}

fn body_of(
    url: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value, String> {
    let mut answer = answer.map_err(|error| format!("{url}: {error}"))?;
    let status = answer.status();
    let text = answer.body_mut().read_to_string().map_err(|error| format!("{url}: {error}"))?;
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let reason = body["error"].as_str().unwrap_or("no reason was given");
    Err(format!("{url}: {status}: {reason}"))
}

fn online_line(row: &Value) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let (done, total) = (&row["rowsProcessed"], &row["rowsTotal"]);
    let (name, state, why) = (text("name"), text("state"), text("stateReason"));
    let eta = &row["live"]["eta"];
    let left = match (eta["lowS"].as_f64(), eta["highS"].as_f64()) {
        (Some(low), Some(high)) => format!(", {low:.0} to {high:.0} s left"),
        _ => String::new(),
    };
    let proof = &row["verification"];
    let proof = match (proof["rowsChecked"].as_i64(), proof["rowsDiffering"].as_i64()) {
        (Some(rows), Some(differing)) => {
            verified(rows, differing, proof["hash"].as_str().unwrap_or_default())
        }
        _ => String::new(),
    };
    format!("{name:40} {state:18} {done} of {total} rows{left}{proof}  {why}")
}
