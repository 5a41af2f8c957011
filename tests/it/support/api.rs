//! The API over a copy of the fixture database, with a clock that stands still.

use std::path::Path;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{Bytes, Data};
use corescope::actors::lifeline::Lifelines;
use corescope::actors::perf::{IngestParts, PerfActors, PerfParts};
use corescope::actors::{ActorParts, Actors};
use corescope::clock::Clock;
use corescope::config::{Config, Secret};
use corescope::db::migrations::{BatchLimits, BatchRequest, BatchState};
use corescope::db::probe::SqliteProbe;
use corescope::db::{self, Database, OpenOptions, Readers};
use corescope::ingest::Rules;
use corescope::ingest::source_status::SourceStatus;
use corescope::perf::proc::Proc;
use corescope::web::{self, AppState, Ready, State};
use serde_json::Value;
use tempfile::TempDir;

use super::migrations::pending;
use super::{data_file, patient};

/// 51 s after the latest observation of the fixture (2026-05-17T18:10:00Z).
pub const NOW_MS: i64 = 1_779_041_400_000;

const DATABASE: &str = "meshcore.db";

/// A key that opens.
pub const KEY: &str = "a-key-that-is-strong-enough";

/// An API and what it stands on.
pub struct Api {
    pub state: State,
    pub clock: Clock,
    pub folder: TempDir,
    pub database: Option<Database>,
    pub actors: Option<Actors>,
}

/// An answer, whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A copy of the fixture, opened for writing and reading; the state does not know of it yet.
struct Opened {
    state: State,
    clock: Clock,
    folder: TempDir,
    database: Database,
    readers: Readers,
}

impl Opened {
    fn fixture(config: Config, reader_threads: usize) -> Option<Self> {
        let fixture = data_file("e2e-fixture.db")?;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE);
        std::fs::write(&path, std::fs::read(fixture).unwrap()).unwrap();
        let clock = Clock::manual(NOW_MS);
        let state = Api::closed(config, clock.clone());
        let database = db::open(&path, &OpenOptions::new(clock.clone())).unwrap();
        let readers = Readers::open(&path, patient(clock.clone(), reader_threads)).unwrap();
        Some(Self { state, clock, folder, database, readers })
    }
}

fn start_actors(database: Database, state: &State, lifelines: Lifelines) -> Actors {
    Actors::start(ActorParts {
        connection: database.writer,
        migrations: Default::default(),
        intake_capacity: 100,
        clock: state.clock.clone(),
        lifelines,
        window: Arc::clone(&state.window),
    })
}

impl Api {
    /// Opens a copy of the fixture; `None` where the test data is absent.
    pub fn over_fixture() -> Option<Self> {
        Self::with(Config::default())
    }

    /// As [`Self::over_fixture`], configured. `public_dir` is not looked for in the working folder.
    pub fn with(config: Config) -> Option<Self> {
        let Opened { state, clock, folder, database, readers } = Opened::fixture(config, 2)?;
        state.open(Ready { readers, intake: None, live: None, sources: Vec::new(), perf: None });
        Some(Self { state, clock, folder, database: Some(database), actors: None })
    }

    /// As [`Self::over_fixture`], with the actors that write.
    pub fn that_writes(config: Config) -> Option<Self> {
        let Opened { state, clock, folder, database, readers } = Opened::fixture(config, 2)?;
        let (lifelines, _deaths) = Lifelines::new();
        let actors = start_actors(database, &state, lifelines);
        let (intake, live) = (Some(actors.intake.clone()), Some(actors.live.clone()));
        state.open(Ready { readers, intake, live, sources: Vec::new(), perf: None });
        state.open_backfill(actors.backfill_door());
        Some(Self { state, clock, folder, database: None, actors: Some(actors) })
    }

    /// As [`Self::that_writes`], with what watches the process: it looks only when told to, at the
    /// kernel that `root` pretends to be. There is one reader, so that its cache is predictable.
    pub fn watched(config: Config, root: &Path) -> Option<(Self, PerfActors)> {
        let Opened { state, clock, folder, database, readers } = Opened::fixture(config, 1)?;
        let (lifelines, _deaths) = Lifelines::new();
        let actors = start_actors(database, &state, lifelines.clone());
        let sources = vec![Arc::new(SourceStatus::new("local", "mqtt://b", NOW_MS / 1_000))];
        let write_side = actors.write_side(Arc::default());
        let probe = SqliteProbe::new(readers.clone(), &folder.path().join(DATABASE));
        let parts = PerfParts {
            proc: Proc::at(root, root),
            stats_path: folder.path().join("stats.json"),
            probe: probe.beside_writer(&write_side.pages, &write_side.wal),
            ingest: Some(IngestParts { write_side, sources: sources.clone(), is_serving: true }),
            loop_lag: Arc::clone(&state.loop_lag),
            normals_path: folder.path().join("normals.json"),
            clock: clock.clone(),
            every: None,
        };
        let perf = PerfActors::start(parts, &lifelines);
        let (intake, live) = (Some(actors.intake.clone()), Some(actors.live.clone()));
        let lines = Some(perf.lines.clone());
        state.open(Ready { readers, intake, live, sources, perf: lines });
        Some((Self { state, clock, folder, database: None, actors: Some(actors) }, perf))
    }

    /// The state before the database is open.
    pub fn closed(mut config: Config, clock: Clock) -> State {
        if config.public_dir.is_relative() {
            config.public_dir = "/nonexistent".into();
        }
        let rules = Arc::new(Rules::new(&config));
        Data::new(AppState::new(Arc::new(config), rules, clock))
    }

    /// Runs every migration to its end.
    pub fn migrate(&mut self) {
        let writer = &mut self.database.as_mut().unwrap().writer;
        for name in pending(writer) {
            let request = BatchRequest { name: name.to_owned(), rows_max: 100 };
            while writer.run_batch(&request, &BatchLimits::default()).unwrap().state
                == BatchState::More
            {}
        }
    }

    /// Changes the database behind the API's back.
    pub fn execute(&self, sql: &str) {
        let path = self.folder.path().join("meshcore.db");
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    }

    pub async fn get(&self, uri: &str) -> Answer {
        ask(&self.state, TestRequest::get().uri(uri)).await
    }

    /// The JSON of an answer that must be 200.
    pub async fn json(&self, uri: &str) -> Value {
        let answer = self.get(uri).await;
        assert_eq!(answer.status, StatusCode::OK, "{uri}: {}", answer.text());
        answer.json()
    }

    pub async fn post(&self, uri: &str, body: impl Into<Bytes>) -> Answer {
        ask(&self.state, TestRequest::post().uri(uri).set_payload(body)).await
    }
}

/// A configuration with a strong key.
pub fn with_key() -> Config {
    Config { api_key: Some(Secret::new(KEY)), ..Config::default() }
}

/// Sends one request through the whole application.
pub async fn ask(state: &State, request: TestRequest) -> Answer {
    let app = init_service(web::app(state.clone())).await;
    let response = call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: read_body(response.map_into_boxed_body()).await }
}
