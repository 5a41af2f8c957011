//! `/metrics`: every figure of this process for Prometheus, in every role and from the first
//! moment on. Without key and without secrets; `docs/monitoring` tells what each name means.

mod database;
mod ingest;
pub mod names;
mod process;
mod window;

use std::sync::atomic::Ordering;

use actix_web::HttpResponse;

use super::health::{count_clients, glance_at_counts, glance_at_migrations};
use super::migrations;
use super::state::{AppState, Ready, State};
use crate::actors::perf::PerfLines;
use crate::actors::vitals::WriteSide;
use crate::perf::prometheus::{CONTENT_TYPE, Page};

/// Returns every figure in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "system",
    responses((
        status = 200,
        description = "text format 0.0.4; what is not known is absent",
        body = String,
        content_type = "text/plain"
    ))
)]
pub async fn metrics(state: State) -> HttpResponse {
    let mut page = Page::default();
    let uptime_s = state.clock.monotonic().as_secs_f64();
    process::start(&mut page, state.config.role.as_str(), state.ready().is_ok(), uptime_s);
    write_process(&mut page, &state);
    if let Ok(ready) = state.ready() {
        write_ready(&mut page, &state, ready).await;
    }
    page.single(&names::OMITTED, Some(page.omitted() as f64));
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(page.finish())
}

fn write_process(page: &mut Page, state: &AppState) {
    process::lag(page, &state.loop_lag);
    process::requests(page, &state.requests.totals());
    process::refused(page, state.addresses.refused());
    window::write(page, &state.window);
}

async fn write_ready(page: &mut Page, state: &State, ready: &Ready) {
    let now_s = state.clock.now_s();
    let sources = ready.sources.iter().map(|source| source.snapshot(now_s));
    ingest::sources(page, &ingest::told_apart(sources), now_s);
    let lines = ready.perf.as_ref();
    let write_side = lines.and_then(|lines| lines.write_side.as_ref());
    let dropped = write_side.map(|side| side.live_dropped.load(Ordering::Relaxed));
    ingest::live(page, count_clients(state).await, dropped);
    database::readers(page, &ready.readers, write_side.map(|side| &*side.pages));
    write_side.into_iter().for_each(|side| write_writes(page, side, state));
    lines.into_iter().for_each(|lines| write_samples(page, state, lines));
    let counted = glance_at_counts(state).await;
    database::rows(page, counted.as_deref().map(|counted| &counted.counts));
    database::maintenance(page, &state.maintenance().unwrap_or_default());
    let stored = glance_at_migrations(state).await.ok();
    let migrations = stored.map(|stored| migrations::views(state, &stored));
    database::migrations(page, migrations.as_deref());
}

fn write_writes(page: &mut Page, side: &WriteSide, state: &AppState) {
    let now_ms = state.clock.now_ms();
    ingest::queue(page, &side.gauge.counts(now_ms), now_ms);
    ingest::notes(page, state.rules.counts());
    database::events(page, &side.totals.counts());
    database::ledger(page, &side.ledger.snapshot());
    database::checkpoints(page, &side.wal);
}

/// What is taken once a second, if it is not older than 5 s.
fn write_samples(page: &mut Page, state: &AppState, lines: &PerfLines) {
    let now = state.clock.monotonic();
    process::io(page, lines.fresh_io(now).as_deref());
    let vitals = lines.latest_vitals.load_full().filter(|vitals| vitals.is_fresh(now));
    if let Some(vitals) = vitals {
        database::sqlite(page, &vitals.sqlite);
        database::anomalies(page, &vitals);
    }
    let age_ms = lines.stats_age_ms(state.clock.now_ms());
    page.single(&names::STATS_AGE, age_ms.map(|ms| ms as f64 / 1000.0));
}
