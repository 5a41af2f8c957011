//! The HTTP and WebSocket API (contract: `spec/http-contract.md`). The whole URL table is
//! [`table`]; what every answer has is in [`transport`].

pub mod addresses;
pub mod analytics;
mod analytics_kept;
mod analytics_query;
pub mod assets;
pub mod auth;
pub mod backup;
pub mod bounds;
pub mod channels;
pub mod client;
pub mod connections;
pub mod cors;
pub mod counted;
pub mod error;
pub mod fresh;
pub mod headers;
pub mod health;
pub mod json;
pub mod live;
pub mod memory;
pub mod metrics;
pub mod migrations;
pub mod node_activity;
pub mod node_rows;
pub mod nodes;
pub mod observers;
pub mod openapi;
pub mod packet_breakdown;
pub mod packet_post;
pub mod packet_query;
pub mod packet_rows;
pub mod packets;
pub mod params;
pub mod perf;
pub mod perf_overview;
pub mod program;
pub mod ready_lists;
pub mod request_body;
pub mod request_kind;
pub mod state;
pub mod stats;
pub mod transport;
pub mod warmup;

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::{App, Error, FromRequest, Handler, HttpResponse, Responder, Route, guard, web};

use crate::clock::Clock;
use crate::config::{Config, Role};
use crate::ingest::Rules;

pub use error::ApiError;
pub use node_activity::read_ahead;
pub use program::BUILD;
pub use state::{AppState, Ready, State};

use crate::perf::requests::RouteId;

/// One route.
pub struct Endpoint {
    /// GET stands for HEAD too.
    pub method: Method,
    /// With `{name}` for a part.
    pub path: &'static str,
    /// Whether an address may ask only so often.
    pub is_costly: bool,
    /// Whether the answer may take as long as it takes to begin.
    may_last: bool,
    route: Route,
}

impl Endpoint {
    fn costly(self) -> Self {
        Self { is_costly: true, ..self }
    }

    fn lasting(self) -> Self {
        Self { may_last: true, ..self }
    }

    /// What happens to a request, the first thing last.
    fn into_route(self) -> Route {
        let route = self.route.wrap(from_fn(transport::catch_panic));
        let route = if self.may_last { route } else { route.wrap(from_fn(bounds::in_time)) };
        if self.is_costly { route.wrap(from_fn(bounds::at_rate)) } else { route }
    }
}

/// The URL table. A path that could be read as another's `{name}` stands before it.
pub fn table() -> Vec<Endpoint> {
    vec![
        get("/ws", live::upgrade),
        get("/api/stats", stats::stats),
        get("/api/health", health::health),
        get("/api/healthz", health::healthz),
        get("/api/packets", packets::list).costly(),
        post("/api/packets", packet_post::post).costly(),
        get("/api/packets/timestamps", packets::times).costly(),
        post("/api/packets/observations", packets::observations).costly(),
        get("/api/packets/{id}", packets::detail).costly(),
        post("/api/decode", packet_post::decode_only).costly(),
        get("/api/analytics/hash-sizes", analytics::hash_sizes).costly(),
        get("/api/analytics/rf", analytics::rf).costly(),
        get("/api/nodes", nodes::list).costly(),
        get("/api/nodes/search", nodes::search).costly(),
        get("/api/nodes/{pubkey}", nodes::detail).costly(),
        get("/api/observers", observers::list).costly(),
        get("/api/observers/{id}", observers::detail).costly(),
        get("/api/channels", channels::list).costly(),
        get("/api/channels/{hash}/messages", channels::messages).costly(),
        get("/api/perf", perf::overview),
        get("/api/perf/io", perf::io),
        get("/api/perf/sqlite", perf::sqlite),
        get("/api/perf/anomalies", perf::anomalies),
        post("/api/perf/anomalies/{series}/accept", perf::accept),
        post("/api/perf/reset", perf::reset),
        get("/api/perf/history", perf::history),
        get("/api/perf/write-sources", perf::write_sources),
        get("/api/mqtt/status", perf::mqtt_status),
        get("/metrics", metrics::metrics),
        get("/api/backup", backup::backup).costly().lasting(),
        get("/api/perf/async-migrations", migrations::list),
        get("/api/perf/async-migrations/{name}/moves", migrations::moves).costly(),
        post("/api/perf/async-migrations/{name}/dry-run", migrations::dry_run).costly(),
        post("/api/perf/async-migrations/{name}/tune", migrations::tune),
        post("/api/perf/async-migrations/{name}/{command}", migrations::steer),
        get("/api/perf/jobs", migrations::jobs),
        get("/api/spec", openapi::spec),
        get("/api/docs", openapi::docs),
    ]
}

impl AppState {
    /// Makes the state of a process that has not opened its database yet.
    pub fn new(config: Arc<Config>, rules: Arc<Rules>, clock: Clock) -> Self {
        Self::of(config, rules, clock, templates())
    }
}

/// The application: the table, the pages, and what wraps them. Tests and the server use the same.
pub fn app(
    state: State,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let is_gzip = state.config.compression.is_gzip;
    let serves = state.config.role != Role::Ingest;
    let table = table_of(state.config.role);
    let fallback = if serves { web::to(assets::fallback) } else { web::to(nothing) };
    App::new()
        .app_data(state)
        .app_data(request_body::json_config())
        .configure(|config| register(config, table))
        .default_service(fallback.wrap(from_fn(transport::catch_panic)))
        .wrap(from_fn(transport::spare_compression))
        .wrap(Condition::new(is_gzip, Compress::default()))
        .wrap(from_fn(transport::frame))
}

/// What a process answers that ingests only (decision 11).
fn table_of_ingest() -> Vec<Endpoint> {
    vec![
        get("/healthz", health::healthz),
        get("/api/healthz", health::healthz),
        get("/metrics", metrics::metrics),
    ]
}

fn table_of(role: Role) -> Vec<Endpoint> {
    if role == Role::Ingest { table_of_ingest() } else { table() }
}

/// The paths of [`table`] in its order, each once: times are counted by them.
pub fn templates() -> impl Iterator<Item = &'static str> {
    by_path(table()).into_iter().map(|(path, _)| path)
}

fn by_path(table: Vec<Endpoint>) -> Vec<(&'static str, Vec<Endpoint>)> {
    let mut paths: Vec<(&'static str, Vec<Endpoint>)> = Vec::new();
    for endpoint in table {
        match paths.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, endpoints)) => endpoints.push(endpoint),
            None => paths.push((endpoint.path, vec![endpoint])),
        }
    }
    paths
}

/// Registers a table: a path that is there with another method is answered 405.
fn register(config: &mut web::ServiceConfig, table: Vec<Endpoint>) {
    let templates: Vec<&str> = templates().collect();
    for (path, endpoints) in by_path(table) {
        let index = templates.iter().position(|template| *template == path);
        let route = index.map_or(RouteId::UNMATCHED, RouteId::of);
        let allow = allowed(&endpoints);
        let refuse =
            move || async move { Err::<HttpResponse, _>(ApiError::method_not_allowed(allow)) };
        let resource = web::resource(path).default_service(web::to(refuse));
        let add = |resource: actix_web::Resource, endpoint: Endpoint| {
            resource.route(endpoint.into_route())
        };
        let resource = resource.app_data(route);
        config.service(endpoints.into_iter().fold(resource, add));
    }
}

async fn nothing() -> Result<HttpResponse, ApiError> {
    Err(ApiError::not_found())
}

fn allowed(endpoints: &[Endpoint]) -> &'static str {
    let answers = |method: Method| endpoints.iter().any(|endpoint| endpoint.method == method);
    match (answers(Method::GET), answers(Method::POST)) {
        (true, true) => "GET, HEAD, POST",
        (true, false) => "GET, HEAD",
        _ => "POST",
    }
}

fn get<F, Args>(path: &'static str, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let reads = guard::Any(guard::Get()).or(guard::Head());
    endpoint(Method::GET, path, Route::new().guard(reads).to(handler))
}

fn post<F, Args>(path: &'static str, handler: F) -> Endpoint
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    endpoint(Method::POST, path, Route::new().guard(guard::Post()).to(handler))
}

fn endpoint(method: Method, path: &'static str, route: Route) -> Endpoint {
    Endpoint { method, path, is_costly: false, may_last: false, route }
}
