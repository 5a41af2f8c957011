//! The documents say what is true: tests exist, keys are explained, messages have an answer.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::crate_root;

fn read(path: &str) -> String {
    std::fs::read_to_string(crate_root().join(path)).unwrap()
}

fn rust_files(folder: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

fn sources(folders: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    folders.iter().for_each(|folder| rust_files(&crate_root().join(folder), &mut files));
    files
}

/// Names of functions that stand after a test's attribute.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in sources(&["src", "tests"]) {
        for part in text.split("test]\n").skip(1) {
            let name = part.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            names.extend(name.map(str::to_owned));
        }
    }
    names
}

/// Words in backticks of the last column of every table.
fn named_tests(document: &str) -> Vec<&str> {
    let rows = document.lines().filter(|line| line.starts_with("| ") && !line.contains("|---"));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let document = read("docs/security.md");
    let known = tests();
    let named = named_tests(&document);
    assert!(named.len() > 20, "{named:?}");
    let missing: Vec<&&str> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(missing.is_empty(), "named in docs/security.md, and nowhere tested: {missing:?}");
    let rows = document.lines().filter(|line| line.starts_with("| ")).skip(1);
    let bare: Vec<&str> = rows.filter(|row| !row.contains('`')).collect();
    assert!(bare.is_empty(), "promised without a proof: {bare:?}");
}

#[test]
fn every_test_of_this_chapter_is_behind_a_promise() {
    let document = read("docs/security.md");
    let mut mentioned = named_tests(&document);
    mentioned.extend(["every_promise_names_a_test_that_exists"]);
    for file in ["requests", "addresses", "keys", "browsers", "secrets", "hostile"] {
        let text = read(&format!("tests/it/security/{file}.rs"));
        for part in text.split("test]\n").skip(1) {
            let name = part.split("fn ").nth(1).unwrap().split('(').next().unwrap();
            assert!(mentioned.contains(&name), "{name} proves nothing in docs/security.md");
        }
    }
}

/// The words of every `tracing::warn!` and `tracing::error!` of the program, as in the source.
fn messages() -> BTreeSet<String> {
    let mut messages = BTreeSet::new();
    for text in sources(&["src"]) {
        let code = text.split("\n#[cfg(test)]").next().unwrap();
        for call in ["tracing::warn!(", "tracing::error!("] {
            messages.extend(code.split(call).skip(1).filter_map(last_literal));
        }
    }
    // Configuration's own words, one line each in the document.
    messages.remove("{warning}");
    messages
}

/// The last text of a call whose arguments begin here, its line breaks undone.
fn last_literal(arguments: &str) -> Option<String> {
    let (mut depth, mut quoted, mut last) = (1, None::<String>, None);
    let mut letters = arguments.chars();
    while let Some(letter) = letters.next().filter(|_| depth > 0) {
        match (&mut quoted, letter) {
            (Some(_), '"') => last = quoted.take(),
            (Some(text), '\\') => text.extend(letters.next()),
            (Some(text), letter) => text.push(letter),
            (None, '"') => quoted = Some(String::new()),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
    }
    last.map(|text| text.split('\n').map(str::trim_start).collect())
}

#[test]
fn every_warning_and_error_of_the_log_is_explained() {
    let document = read("docs/operating.md");
    let messages = messages();
    assert!(messages.len() > 30, "{messages:?}");
    let missing: Vec<&String> =
        messages.iter().filter(|text| !document.contains(&format!("`{text}"))).collect();
    assert!(missing.is_empty(), "not in docs/operating.md: {missing:#?}");
}

#[test]
fn every_reason_and_signal_that_is_counted_is_explained() {
    let document = read("docs/operating.md");
    let reasons = read("src/ingest/reason.rs");
    let quoted = reasons.split('"').skip(1).step_by(2);
    let codes = quoted.filter(|text| {
        ["ignored_", "rejected_", "note_"].iter().any(|kind| text.starts_with(kind))
    });
    let missing: Vec<&str> =
        codes.filter(|code| !document.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "not in docs/operating.md: {missing:#?}");
}

#[test]
fn every_environment_variable_is_named_in_the_example() {
    let example = read("config.example.json");
    let operating = read("docs/operating.md");
    for text in sources(&["src/config", "src/cli"]) {
        let code = text.split("\n#[cfg(test)]").next().unwrap();
        for word in code.split('"').skip(1).step_by(2) {
            let is_name = word.starts_with("CORESCOPE_") && word.len() < 40;
            let short = word.trim_start_matches("CORESCOPE_MIGRATIONS");
            if is_name && !word.contains('{') {
                assert!(example.contains(short) || operating.contains(word), "{word}");
            }
        }
    }
}
