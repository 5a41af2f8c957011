//! The description of the API, generated from the handlers.

use actix_web::HttpResponse;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::json::JsonBody;
use super::{
    analytics, backup, channels, health, metrics, migrations, nodes, observers, packet_post,
    packets, perf, stats,
};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "CoreScope", description = "What a MeshCore radio mesh says."),
    paths(
        stats::stats,
        health::health,
        health::healthz,
        packets::list,
        packets::times,
        packets::detail,
        packets::observations,
        packet_post::post,
        packet_post::decode_only,
        analytics::hash_sizes,
        analytics::rf,
        nodes::list,
        nodes::search,
        nodes::detail,
        observers::list,
        observers::detail,
        channels::list,
        channels::messages,
        perf::io,
        perf::history,
        perf::write_sources,
        perf::mqtt_status,
        perf::overview,
        perf::sqlite,
        perf::anomalies,
        perf::accept,
        perf::reset,
        metrics::metrics,
        backup::backup,
        migrations::list,
        migrations::dry_run,
        migrations::tune,
        migrations::steer,
        migrations::jobs,
        migrations::moves,
        spec,
        docs,
    ),
    modifiers(&KeyHeader)
)]
pub struct ApiDoc;

struct KeyHeader;

impl Modify for KeyHeader {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
        document.components.get_or_insert_default().add_security_scheme("key", key);
    }
}

/// Returns this document.
#[utoipa::path(
    get,
    path = "/api/spec",
    tag = "system",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub async fn spec() -> JsonBody {
    JsonBody::of(&ApiDoc::openapi())
}

/// Lists the routes for people.
#[utoipa::path(
    get,
    path = "/api/docs",
    tag = "system",
    responses((status = 200, description = "a page", body = String, content_type = "text/html"))
)]
pub async fn docs() -> HttpResponse {
    super::assets::html(page())
}

fn page() -> String {
    let document = ApiDoc::openapi();
    let mut rows = String::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in [("GET", &item.get), ("POST", &item.post)] {
            let Some(operation) = operation else { continue };
            let summary = operation.summary.as_deref().unwrap_or_default();
            rows.push_str(&format!(
                "<tr><td>{method}<td><code>{path}</code><td>{}\n",
                escape(summary)
            ));
        }
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <title>CoreScope API</title>\n\
         <link rel=stylesheet href=/assets/styles/base.css>\n<h1>CoreScope API</h1>\n\
         <p>The whole description: <a href=/api/spec>/api/spec</a> (OpenAPI)\n\
         <table><tr><th>Method<th>Path<th>What\n{rows}</table>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
