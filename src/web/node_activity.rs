//! Reads what packets tell of nodes, behind the askers' backs where that takes long.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::rt;
use actix_web::rt::time::timeout;

use super::error::ApiError;
use super::nodes_kept::Activity;
use super::state::{AppState, State};
use crate::config::Config;
use crate::db::nodes::{self, AdvertSizes, RelayTally};
use crate::db::{DbError, Reader};

/// A request waits for them so long.
const WAIT_MAX: Duration = Duration::from_millis(700);

/// A step that took longer than a query may is tried again: what it has read of a cold disk is warm
/// by then.
const TRIES_MAX: u32 = 6;

/// Returns the figures, at most 15 s old, or as old as 20 times as long as it takes to read them (5
/// minutes at most), if that is more; while they are read anew, as much again. Where reading them
/// takes longer than a request may, or fails, what was known last is the answer.
///
/// # Errors
/// As [`AppState::ask_scan`] while nothing is known. A step that was too slow is none: its part
/// is left out, and tried again after 15 s.
pub async fn activity(state: &State) -> Result<Arc<Activity>, ApiError> {
    let kept = &state.nodes_kept;
    let now = state.clock.monotonic();
    let last = kept.activity.last();
    if let Some(last) = last.as_ref().filter(|last| now < last.rests_until()) {
        return Ok(Arc::clone(last));
    }
    let shared = state.clone();
    let refresh = rt::spawn(async move {
        let kept = &shared.nodes_kept;
        kept.activity.get(async || read(&shared).await).await
    });
    if let Some(last) = last.filter(|last| last.may_be_shown_at(now)) {
        return Ok(last);
    }
    match timeout(state.clock.patience(WAIT_MAX), refresh).await {
        Ok(Ok(Ok(read))) => Ok(read),
        Ok(Ok(Err(error))) => kept.known_so_far().ok_or(error),
        _ => Ok(kept.known_so_far().unwrap_or_else(|| Arc::new(unknown(state)))),
    }
}

/// Reads both parts, step by step; sizes are shown as soon as they are known.
async fn read(state: &AppState) -> Result<Arc<Activity>, ApiError> {
    let kept = &state.nodes_kept;
    kept.steps.store(0, Ordering::Relaxed);
    let unknown = unknown(state);
    let at_s = unknown.at_s;
    let sizes = AdvertSizes::before(at_s);
    let sizes = read_steps(state, sizes, AdvertSizes::read_step).await?;
    let hash_sizes = sizes.map(|sizes| Arc::new(sizes.finish()));
    let begun = Activity { hash_sizes, ..unknown };
    kept.partial.store(Some(Arc::new(begun.clone())));
    kept.steps.store(AdvertSizes::STEPS, Ordering::Relaxed);
    let tally = RelayTally::before(at_s);
    let tally = read_steps(state, tally, RelayTally::read_step).await?;
    let relays = tally.map(|tally| Arc::new(tally.finish()));
    let took = state.clock.monotonic().saturating_sub(begun.begun_at);
    Ok(Arc::new(Activity { relays, took, ..begun }))
}

/// Does one step a query until there is none; `None` if one takes longer than a query may
/// however often it is tried.
async fn read_steps<T: Send + 'static>(
    state: &AppState,
    mut part: T,
    step: impl Fn(&mut T, &Reader) -> Result<bool, DbError> + Clone + Send + 'static,
) -> Result<Option<T>, ApiError> {
    let mut tries = 0;
    while tries < TRIES_MAX {
        let step = step.clone();
        let read = move |reader: &Reader| match step(&mut part, reader) {
            Err(DbError::Interrupted { .. }) => Ok((part, None)),
            read => read.map(|goes_on| (part, Some(goes_on))),
        };
        let (read, goes_on) = state.ask_scan(read).await?;
        part = read;
        match goes_on {
            Some(false) => return Ok(Some(part)),
            Some(true) => tries = 0,
            None => tries += 1,
        }
        state.nodes_kept.steps.fetch_add(u32::from(goes_on.is_some()), Ordering::Relaxed);
    }
    Ok(None)
}

/// Returns the keys of nodes whose adverts were heard in `regions`, as a JSON list.
///
/// # Errors
/// As [`AppState::ask_scan`].
pub async fn keys_in(state: &AppState, mut regions: Vec<String>) -> Result<Arc<str>, ApiError> {
    regions.sort_unstable();
    regions.dedup();
    let key = regions.join(",");
    let window = state.current_window();
    let ask = move |reader: &Reader| {
        let keys = nodes::keys_heard_in(reader, window.as_deref(), &regions)?;
        Ok(serde_json::to_string(&keys).unwrap_or_else(|_| "[]".to_owned()).into())
    };
    state.nodes_kept.region_keys.get(&key, async || state.ask_scan(ask).await).await
}

/// Figures of which nothing has been read.
fn unknown(state: &AppState) -> Activity {
    let (at_s, relay_window_s) = (state.clock.now_s(), relay_window_s(&state.config));
    let (took, begun_at) = (Duration::ZERO, state.clock.monotonic());
    Activity { hash_sizes: None, relays: None, at_s, relay_window_s, took, begun_at }
}

/// Reads what packets tell of nodes before anybody asks for it: of a cold disk it takes longer than
/// a request waits.
pub fn read_ahead(state: &State) {
    let state = state.clone();
    // What cannot be read now is read when it is asked for.
    rt::spawn(async move { activity(&state).await.is_ok() });
}

fn relay_window_s(config: &Config) -> i64 {
    i64::try_from(config.relay_active.as_secs()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::db::{OpenOptions, ReaderOptions, Readers, open};
    use crate::ingest::Rules;
    use crate::web::Ready;

    const TOO_LONG_MS: i64 = 1_001;

    #[actix_web::test]
    async fn a_step_that_is_too_slow_is_tried_again_and_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mesh.db");
        let clock = Clock::manual(0);
        let _database = open(&path, &OpenOptions::new(clock.clone())).unwrap();
        let config = Arc::new(Config::default());
        let state = AppState::new(config.clone(), Arc::new(Rules::new(&config)), clock.clone());
        let options = ReaderOptions { clock: clock.clone(), ..ReaderOptions::default() };
        let readers = Readers::open(&path, options).unwrap();
        state.open(Ready { readers, intake: None, live: None, sources: Vec::new(), perf: None });
        // Two steps, each of which takes too long `slow` times.
        for (slow, expected) in
            [(0, Some(2)), (TRIES_MAX - 1, Some(2 * TRIES_MAX)), (TRIES_MAX, None)]
        {
            let clock = clock.clone();
            let step = move |tries: &mut u32, reader: &Reader| {
                *tries += 1;
                let is_slow = !tries.is_multiple_of(slow + 1);
                clock.advance_ms(if is_slow { TOO_LONG_MS } else { 0 });
                reader.check_deadline("try")?;
                Ok(*tries < 2 * (slow + 1))
            };
            let read = read_steps(&state, 0, step).await.unwrap();
            assert_eq!(read, expected, "{slow}");
        }
    }
}
