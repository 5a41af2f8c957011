//! `/api/perf/async-migrations`: where migrations stand, and the commands to them (contract §2.5).

use std::time::Duration;

use actix_web::web::{Bytes, Path};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::auth::Keyed;
use super::error::{ApiError, ErrorBody};
use super::json::JsonBody;
use super::params::Params;
use super::state::{AppState, State};
use super::warmup::WarmupTask;
use crate::actors::BackfillDoor;
use crate::actors::backfill::{CommandError, DryRunOf, LiveRun, Retune, Steer};
use crate::actors::line::AskError;
use crate::db::migrations::{DryRun, MigrationStatus};
use crate::perf::backfill::knobs::{LASTS_DEFAULT, Setting};
use crate::perf::backfill::{Command, Eta};

/// Who asks, where the request does not say.
const ANONYMOUS: &str = "api";
/// Characters of what a request says of itself.
const TEXT_CHARS_MAX: usize = 80;
const COMMANDS: &str = "use pause, resume, cancel, retry, approve, dry-run or tune";

/// One migration: what the books say, and what is going on where it is not at its end.
#[derive(Serialize, ToSchema)]
pub struct MigrationView {
    #[serde(flatten)]
    pub(super) status: MigrationStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) live: Option<LiveRun>,
}

/// What is left to do, from the list.
pub(super) fn warmup_tasks(migrations: &[MigrationView]) -> Vec<WarmupTask> {
    let is_left = |view: &&MigrationView| view.status.status == "running";
    migrations.iter().filter(is_left).map(warmup_task).collect()
}

/// What is left of the migration that one is waiting for; `None` if it is done or there is none.
pub(super) fn warmup_task_of(views: &[MigrationView], name: &str) -> Option<WarmupTask> {
    let one = views.iter().find(|view| view.status.name == name)?;
    (one.status.status != "done").then(|| warmup_task(one))
}

fn warmup_task(view: &MigrationView) -> WarmupTask {
    WarmupTask {
        name: view.status.name.clone(),
        kind: "migration",
        state: view.status.state,
        rows_processed: view.status.rows_processed,
        rows_total: view.status.rows_total,
        eta_sec: view.status.eta_sec,
    }
}

/// The first reading of what packets tell of nodes.
pub(super) fn node_figures_task(state: &AppState) -> Option<WarmupTask> {
    let (done, total) = state.nodes_kept.first_reading()?;
    Some(WarmupTask {
        name: "node_figures".to_owned(),
        kind: "load",
        state: "running",
        rows_processed: done.into(),
        rows_total: total.into(),
        eta_sec: 0.0,
    })
}

/// The load of the RAM window, as long as it is not over.
pub(super) fn load_task(state: &AppState) -> Option<WarmupTask> {
    let status = state.window.status();
    let rows = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let is_left = status.has_loader && !status.is_over();
    is_left.then(|| WarmupTask {
        name: "packet_store_load".to_owned(),
        kind: "load",
        state: if status.has_failed { "failed" } else { "running" },
        rows_processed: rows(status.merged),
        rows_total: rows(status.expected),
        eta_sec: 0.0,
    })
}

/// All migrations by name: the books, at most 1 s old, and what goes on at this moment.
pub(super) async fn read(state: &AppState) -> Result<Vec<MigrationView>, ApiError> {
    Ok(views(state, &state.migrations().await?))
}

/// Adds to the books what goes on at this moment.
pub(super) fn views(state: &AppState, stored: &[MigrationStatus]) -> Vec<MigrationView> {
    let live = state.backfill().map(|door| door.live.load_full()).unwrap_or_default();
    let view = |status: &MigrationStatus| view_of(status.clone(), &live);
    stored.iter().map(view).collect()
}

fn view_of(mut status: MigrationStatus, live: &[LiveRun]) -> MigrationView {
    let Some(run) = live.iter().find(|run| run.name == status.name) else {
        return MigrationView { status, live: None };
    };
    if !run.reason.is_empty() || run.state.as_str() != status.state {
        status.state = run.state.as_str();
        status.state_reason = (!run.reason.is_empty()).then(|| run.reason.clone());
        status.by = (!run.by.is_empty()).then(|| run.by.clone());
        status.state_since.clone_from(&run.since);
    }
    if run.state.is_final() {
        return MigrationView { status, live: None };
    }
    match run.eta {
        Eta::Estimate { low_s, .. } => status.eta_sec = low_s,
        Eta::Paused | Eta::Stalled => status.eta_sec = 0.0,
        Eta::Measuring => {}
    }
    status.rate_per_sec = run.rows_per_sec.unwrap_or(status.rate_per_sec);
    MigrationView { status, live: Some(run.clone()) }
}

/// Lists all migrations by name: progress, state, pace, knobs and rows that were set aside.
#[utoipa::path(
    get,
    path = "/api/perf/async-migrations",
    tag = "perf",
    responses(
        (status = 200, description = "all migrations", body = Vec<MigrationView>),
        (status = 500, description = "the books cannot be read", body = ErrorBody),
        (status = 503, description = "starting or busy", body = ErrorBody),
    )
)]
pub async fn list(state: State) -> Result<JsonBody, ApiError> {
    let listed = read(&state).await.map_err(|error| error.about("readAsyncMigrations"))?;
    Ok(JsonBody::of(&listed))
}

/// Lists the moves of a migration, newest first: who moved it where, when and why. Of all
/// migrations together the last 2,000 are kept.
#[utoipa::path(
    get,
    path = "/api/perf/async-migrations/{name}/moves",
    tag = "perf",
    params(
        ("name" = String, Path, description = "the migration"),
        ("limit" = Option<i64>, Query, description = "1 to 500, 100 if not said"),
    ),
    responses(
        (status = 200, description = "none if there is no such migration", body = Vec<Object>),
        (status = 503, description = "starting or busy", body = ErrorBody),
    )
)]
pub async fn moves(state: State, name: Path<String>, query: Params) -> Result<JsonBody, ApiError> {
    let (name, limit) = (name.into_inner(), query.limit(100, 500));
    let moves = state.ask(move |reader| reader.list_moves(&name, limit)).await?;
    Ok(JsonBody::of(&moves))
}

/// Lists recurring jobs (retention and the like) in the order in which they were first asked for:
/// state, pace, the last run. They take the same commands as migrations. Empty in a process that
/// does not write.
#[utoipa::path(
    get,
    path = "/api/perf/jobs",
    tag = "perf",
    responses((status = 200, description = "all jobs", body = Vec<Object>))
)]
pub async fn jobs(state: State) -> JsonBody {
    let jobs = state.backfill().map(|door| door.jobs.load_full()).unwrap_or_default();
    JsonBody::of(&*jobs)
}

/// Where a migration stands after a command.
#[derive(Serialize, ToSchema)]
pub struct Steered {
    name: String,
    state: &'static str,
}

/// Pauses, resumes, cancels, retries or approves a migration. The body may say who asks:
/// `{"by": "…"}`.
#[utoipa::path(
    post,
    path = "/api/perf/async-migrations/{name}/{command}",
    tag = "perf",
    params(
        ("name" = String, Path, description = "the migration"),
        ("command" = String, Path, description = "pause, resume, cancel, retry or approve"),
    ),
    request_body(content = Object, description = "who asks; may be absent"),
    responses(
        (status = 200, description = "done and recorded", body = Steered),
        (status = 401, description = "no key", body = ErrorBody),
        (status = 404, description = "no such migration or command", body = ErrorBody),
        (status = 409, description = "it makes no sense now", body = ErrorBody),
        (status = 503, description = "this process does not write", body = ErrorBody),
    ),
    security(("key" = []))
)]
pub async fn steer(
    _: Keyed,
    state: State,
    path: Path<(String, String)>,
    body: Bytes,
) -> Result<JsonBody, ApiError> {
    let (name, command) = path.into_inner();
    let command = Command::of_name(&command).ok_or_else(|| ApiError::no_such(COMMANDS))?;
    let by = text_of(&object(&body)?, "by", ANONYMOUS)?;
    let message = Steer { name: name.clone(), command, by };
    let state = door(&state)?.line.ask(message).await.map_err(refusal)?;
    Ok(JsonBody::of(&Steered { name, state: state.as_str() }))
}

/// Predicts what a migration still costs: some batches are done and taken back.
#[utoipa::path(
    post,
    path = "/api/perf/async-migrations/{name}/dry-run",
    tag = "perf",
    params(("name" = String, Path, description = "the migration")),
    responses(
        (status = 200, description = "a prediction; nothing was changed", body = DryRun),
        (status = 401, description = "no key", body = ErrorBody),
        (status = 404, description = "no such migration", body = ErrorBody),
        (status = 503, description = "this process does not write", body = ErrorBody),
    ),
    security(("key" = []))
)]
pub async fn dry_run(_: Keyed, state: State, name: Path<String>) -> Result<JsonBody, ApiError> {
    let message = DryRunOf { name: name.into_inner() };
    Ok(JsonBody::of(&door(&state)?.line.ask(message).await.map_err(refusal)?))
}

/// Turns knobs of a migration for an hour, or for `forSec` seconds; says how they stand. Knobs are
/// those of the configuration: `{"dutyCycle": 0.2, "by": "…", "reason": "…", "forSec": 600}`.
#[utoipa::path(
    post,
    path = "/api/perf/async-migrations/{name}/tune",
    tag = "perf",
    params(("name" = String, Path, description = "the migration")),
    request_body(content = Object, description = "knobs; without any they are only told"),
    responses(
        (status = 200, description = "how they stand now", body = LiveRun),
        (status = 400, description = "no such knob, or out of its range", body = ErrorBody),
        (status = 401, description = "no key", body = ErrorBody),
        (status = 404, description = "no such migration", body = ErrorBody),
        (status = 503, description = "this process does not write", body = ErrorBody),
    ),
    security(("key" = []))
)]
pub async fn tune(
    _: Keyed,
    state: State,
    name: Path<String>,
    body: Bytes,
) -> Result<JsonBody, ApiError> {
    let name = name.into_inner();
    let settings = settings_of(&object(&body)?, state.clock.now_ms())?;
    let message = Retune { name: name.clone(), settings };
    let door = door(&state)?;
    let runs = door.line.ask(message).await.map_err(refusal)?;
    if let Some(run) = runs.iter().find(|run| run.name == name) {
        return Ok(JsonBody::of(run));
    }
    Ok(JsonBody::of(&door.jobs.load().iter().find(|job| job.name == name)))
}

fn door(state: &AppState) -> Result<&BackfillDoor, ApiError> {
    state.ready()?;
    let absent = || ApiError::unavailable("this process does not write; ask the one that does");
    state.backfill().ok_or_else(absent)
}

fn refusal(error: AskError<CommandError>) -> ApiError {
    match error {
        AskError::Refused(CommandError::Unknown(name)) => {
            ApiError::no_such(format!("there is no migration named {name}"))
        }
        AskError::Refused(CommandError::Refused(refusal)) => {
            ApiError::conflict(refusal.to_string())
        }
        AskError::Refused(CommandError::Tune(error)) => ApiError::bad_request(error.to_string()),
        AskError::Refused(error @ CommandError::Full) => ApiError::busy(error.to_string()),
        AskError::Refused(CommandError::Writer) => ApiError::busy("the writer is busy"),
        AskError::Refused(error @ CommandError::Database(_)) => ApiError::internal(error),
        other => ApiError::from_ask(other),
    }
}

fn object(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|_| ApiError::bad_request("invalid JSON body"))
}

fn text_of(body: &Map<String, Value>, key: &str, default: &str) -> Result<String, ApiError> {
    match body.get(key) {
        None | Some(Value::Null) => Ok(default.to_owned()),
        Some(Value::String(text)) => Ok(text.chars().take(TEXT_CHARS_MAX).collect()),
        Some(_) => Err(ApiError::bad_request(format!("{key} must be a text"))),
    }
}

fn settings_of(body: &Map<String, Value>, now_ms: i64) -> Result<Vec<(String, Setting)>, ApiError> {
    let (by, reason) = (text_of(body, "by", ANONYMOUS)?, text_of(body, "reason", "")?);
    let lasts = match body.get("forSec") {
        None => LASTS_DEFAULT,
        Some(value) => value
            .as_u64()
            .map(Duration::from_secs)
            .ok_or_else(|| ApiError::bad_request("forSec must be a whole number of seconds"))?,
    };
    let lasts_ms = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
    let until_ms = now_ms.saturating_add(lasts_ms);
    let mut settings = Vec::new();
    for (knob, value) in body {
        if matches!(knob.as_str(), "by" | "reason" | "forSec") {
            continue;
        }
        let value = value.as_bool().map(f64::from).or_else(|| value.as_f64());
        let value =
            value.ok_or_else(|| ApiError::bad_request(format!("{knob} must be a number")))?;
        let (by, reason) = (by.clone(), reason.clone());
        settings.push((knob.clone(), Setting { knob: "", value, by, reason, until_ms }));
    }
    Ok(settings)
}
