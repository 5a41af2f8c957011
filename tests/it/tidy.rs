//! The rules of the house as a test: who may know whom, sizes, words that do not belong.

mod imports;

use std::path::{Path, PathBuf};

use crate::support::crate_root;

const FILE_LINES_MAX: usize = 500;

fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    collect(&crate_root().join(folder), &mut files);
    assert!(!files.is_empty(), "{folder} holds no Rust file");
    files
}

fn collect(path: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            files.push((path, text));
        }
    }
}

/// Lines of code: comments and test modules left out.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn offenders(
    files: impl IntoIterator<Item = (PathBuf, String)>,
    is_bad: impl Fn(&str) -> bool,
) -> Vec<String> {
    files
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tests.rs") && !path.iter().any(|part| part == "tests"))
        .flat_map(|(path, text)| {
            code_lines(&text)
                .filter(|line| is_bad(line))
                .map(|line| format!("{}: {}", path.display(), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The modules of `lib.rs` in their order, each with its files.
fn modules() -> Vec<(String, Vec<(PathBuf, String)>)> {
    let src = crate_root().join("src");
    let lib = std::fs::read_to_string(src.join("lib.rs")).unwrap();
    let names = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let is_of = |path: &Path, name: &str| {
        let path = path.strip_prefix(&src).unwrap();
        path.starts_with(name) || path == Path::new(name).with_extension("rs")
    };
    let all = rust_files("src");
    let of = |name: &str| all.iter().filter(|(path, _)| is_of(path, name)).cloned().collect();
    names.map(|name| (name.to_owned(), of(name))).collect()
}

/// The code of a module names none of `words`.
fn knows_nothing_of(module: &str, words: &[&str]) {
    let files = modules().into_iter().find(|(name, _)| name == module).unwrap().1;
    assert!(!files.is_empty(), "{module} has no file");
    let found = offenders(files, |line| words.iter().any(|word| line.contains(word)));
    assert_eq!(found, Vec::<String>::new(), "{module} knows more than it may");
}

#[test]
fn every_module_knows_only_those_above_it_in_the_list() {
    let modules = modules();
    assert!(modules.len() > 10, "lib.rs is read wrongly: {}", modules.len());
    for (at, (module, _)) in modules.iter().enumerate() {
        let below: Vec<String> =
            modules[at + 1..].iter().map(|(name, _)| format!("crate::{name}")).collect();
        // In a group of names a module could hide.
        let words: Vec<&str> = below.iter().map(String::as_str).chain(["crate::{"]).collect();
        knows_nothing_of(module, &words);
    }
}

#[test]
fn the_pure_modules_know_bytes_and_values_and_not_each_other() {
    knows_nothing_of("mesh", &["crate::clock", "crate::config", "tokio", "std::fs", "std::net"]);
    for (module, others) in [
        ("ingest", ["crate::perf", "crate::store"]),
        ("perf", ["crate::ingest", "crate::store"]),
        ("store", ["crate::ingest", "crate::perf"]),
    ] {
        knows_nothing_of(module, &others);
    }
    for module in ["clock", "config", "mesh", "ingest", "perf", "store"] {
        knows_nothing_of(module, &["actix", "rusqlite", "HttpResponse"]);
    }
}

#[test]
fn only_the_database_sees_sql_only_the_web_http_and_only_actors_addresses() {
    knows_nothing_of("db", &["actix"]);
    knows_nothing_of("actors", &["HttpResponse", "actix_web", "rusqlite"]);
    for module in ["web", "sim", "app", "cli"] {
        knows_nothing_of(module, &["rusqlite", "Addr<", "use actix::"]);
    }
}

#[test]
fn every_file_has_one_purpose_and_fits_on_a_few_screens() {
    let mut long: Vec<String> = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for (path, text) in rust_files(folder) {
            let lines = text.lines().count();
            if lines > FILE_LINES_MAX {
                long.push(format!("{}: {lines} lines", path.display()));
            }
            assert!(text.starts_with("//!"), "{} does not say what it is", path.display());
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn nothing_in_src_panics_on_purpose() {
    let words = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", "unreachable!("];
    let found = offenders(rust_files("src"), |line| words.iter().any(|word| line.contains(word)));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_wall_clock_is_read_in_one_file() {
    let found: Vec<String> = offenders(rust_files("src"), |line| {
        line.contains("SystemTime::now") || line.contains("Timestamp::now")
    })
    .into_iter()
    .filter(|line| !line.contains("src/clock.rs"))
    .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_actor_says_what_messages_it_takes() {
    for (path, text) in rust_files("src/actors") {
        if text.lines().any(|line| line.starts_with("impl Actor for")) {
            assert!(text.contains("//! ## Messages"), "{} has no message table", path.display());
        }
    }
}

/// The documents that operators read, with their names.
fn documents() -> Vec<(&'static str, String)> {
    let names = [
        "README.md",
        "docs/operating.md",
        "docs/security.md",
        "docs/differences.md",
        "docs/faults.md",
        "docs/monitoring/metrics.md",
    ];
    let read = |name| std::fs::read_to_string(crate_root().join(name)).unwrap();
    names.map(|name| (name, read(name))).into()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn every_route_that_the_documents_name_exists() {
    let routes: Vec<&str> = corescope::web::templates().collect();
    let is_route = |path: &str| {
        let is_like = |route: &str| route.split('/').eq(path.split('/'));
        path == "/healthz" || routes.iter().any(|route| is_like(route))
    };
    let mut seen = 0;
    for (name, text) in documents() {
        for words in quoted(&text) {
            let path = words.trim_start_matches("GET ").trim_start_matches("POST ");
            let path = path.split(['?', '.', ' ', ',']).next().unwrap();
            if path.starts_with("/api/") && !path.ends_with('/') && !path.ends_with('*') {
                assert!(is_route(path), "{name} names {words}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn every_key_that_the_documents_name_is_in_the_example() {
    let example = std::fs::read_to_string(crate_root().join("config.example.json")).unwrap();
    let example: serde_json::Value = serde_json::from_str(&example).unwrap();
    let mut seen = 0;
    // Keys of the original that are ignored stand in the document of differences.
    for (name, text) in documents().into_iter().filter(|(name, _)| !name.contains("differences")) {
        for words in quoted(&text) {
            let path = words.split([':', ' ']).next().unwrap();
            let Some((section, key)) = path.split_once('.') else { continue };
            let Some(keys) = example[section].as_object() else { continue };
            let key = key.split('.').next().unwrap();
            assert!(keys.contains_key(key) || key.starts_with('{'), "{name} names {words}");
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}
