//! The OpenAPI document and the routes say the same.

use std::collections::BTreeSet;

use corescope::web;
use serde_json::Value;

use crate::support::api::Api;
use crate::support::check_json;

/// What is no part of the API.
const UNDOCUMENTED: [&str; 1] = ["GET /ws"];

#[actix_web::test]
async fn every_route_is_documented_and_every_documented_route_exists() {
    // 004-23.
    let state = Api::closed(Default::default(), corescope::clock::Clock::manual(0));
    let request = actix_web::test::TestRequest::get().uri("/api/spec");
    let document = crate::support::api::ask(&state, request).await.json();
    let documented = documented(&document);
    let routes: BTreeSet<String> = web::table()
        .iter()
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .filter(|route| !UNDOCUMENTED.contains(&route.as_str()))
        .collect();
    assert_eq!(documented, routes);
    check_json("openapi", &document);
}

fn documented(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| {
        let methods: Vec<String> = item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "post", "put", "delete", "patch"].contains(&key.as_str()))
            .map(|method| format!("{} {path}", method.to_uppercase()))
            .collect();
        methods
    };
    paths.iter().flat_map(methods).collect()
}

#[actix_web::test]
async fn every_parameter_of_the_packet_list_is_documented() {
    let state = Api::closed(Default::default(), corescope::clock::Clock::manual(0));
    let request = actix_web::test::TestRequest::get().uri("/api/spec");
    let document = crate::support::api::ask(&state, request).await.json();
    let parameters = document["paths"]["/api/packets"]["get"]["parameters"].as_array().unwrap();
    let names: BTreeSet<&str> =
        parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    let expected = [
        "area",
        "channel",
        "expand",
        "groupByHash",
        "hash",
        "limit",
        "node",
        "nodes",
        "observer",
        "offset",
        "order",
        "region",
        "route",
        "since",
        "type",
        "until",
    ];
    assert_eq!(names, BTreeSet::from(expected));
}
