//! The rules of the house as a test: who may know whom, sizes, words that do not belong.

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

fn offenders(folder: &str, is_bad: impl Fn(&str) -> bool) -> Vec<String> {
    rust_files(folder)
        .iter()
        .filter(|(path, _)| !path.ends_with("tests.rs") && !path.iter().any(|part| part == "tests"))
        .flat_map(|(path, text)| {
            code_lines(text)
                .filter(|line| is_bad(line))
                .map(|line| format!("{}: {}", path.display(), line.trim()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// `folder` names none of `words` in its code.
fn knows_nothing_of(folder: &str, words: &[&str]) {
    let found = offenders(folder, |line| words.iter().any(|word| line.contains(word)));
    assert_eq!(found, Vec::<String>::new(), "{folder} knows more than it may");
}

#[test]
fn the_mesh_knows_only_bytes() {
    let others = ["crate::db", "crate::web", "crate::actors", "crate::ingest", "crate::store"];
    knows_nothing_of("src/mesh", &others);
    knows_nothing_of("src/mesh", &["actix", "rusqlite", "tokio", "std::fs", "std::net"]);
}

#[test]
fn ingest_perf_and_store_are_pure() {
    for folder in ["src/ingest", "src/perf", "src/store"] {
        let above = ["crate::db", "crate::web", "crate::actors", "crate::app", "crate::cli"];
        knows_nothing_of(folder, &above);
        knows_nothing_of(folder, &["actix", "rusqlite", "HttpResponse"]);
    }
}

#[test]
fn the_database_never_sees_http_nor_actors() {
    let above = ["crate::web", "crate::actors", "crate::app", "crate::cli", "actix"];
    knows_nothing_of("src/db", &above);
}

#[test]
fn actors_never_see_http_and_the_web_never_sees_sql_or_addresses() {
    knows_nothing_of("src/actors", &["HttpResponse", "actix_web", "crate::web", "rusqlite"]);
    knows_nothing_of("src/web", &["rusqlite", "Addr<", "use actix::", "crate::app"]);
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
    let found = offenders("src", |line| words.iter().any(|word| line.contains(word)));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_wall_clock_is_read_in_one_file() {
    let found: Vec<String> = offenders("src", |line| {
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
