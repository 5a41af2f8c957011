//! `make bench`: runs the benches one after the other on this machine and writes what they found,
//! beside goal and limit, into `docs/benchmarks.md` between its two marks. `CORESCOPE_BENCH_ONLY`
//! names the benches to run anew; of the others the output of the last run is taken
//! (`target/bench`, where the databases are made as well; 15 GB with those of `scale`).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

#[path = "report/figures.rs"]
mod figures;
#[path = "report/page.rs"]
mod page;
#[path = "report/rows.rs"]
mod rows;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use figures::Figures;

fn main() {
    // `cargo test` runs benches too, to see that they begin.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let outputs = root.join("target/bench");
    std::fs::create_dir_all(&outputs).unwrap();
    let only = std::env::var("CORESCOPE_BENCH_ONLY").ok();
    for (name, options) in [("operator.db", &[][..]), ("lean.db", &["--lean"])] {
        seed(&outputs.join(name), options);
    }
    let mut found = Figures::default();
    for bench in rows::BENCHES {
        let output = outputs.join(format!("{bench}.txt"));
        if only.as_ref().is_none_or(|only| only.split(',').any(|name| name == bench)) {
            run(root, bench, &output);
        }
        found.read(bench, &std::fs::read_to_string(&output).unwrap_or_default());
    }
    let page = root.join("docs/benchmarks.md");
    let text = std::fs::read_to_string(&page).unwrap();
    std::fs::write(&page, page::with_figures(&text, &found)).unwrap();
    let drawing = page::drawing(&found);
    if !drawing.is_empty() {
        std::fs::write(root.join("docs/scale.svg"), drawing).unwrap();
    }
}

/// Makes a database of operator scale, unless it is there.
fn seed(path: &Path, options: &[&str]) {
    if path.exists() {
        return;
    }
    let size = ["--transmissions", "71000", "--observations", "1500000", "--db"];
    let made = Command::new("target/release/corescope")
        .arg("seed")
        .args(options)
        .args(size)
        .arg(path)
        .status();
    assert!(made.is_ok_and(|status| status.success()), "{} was not made", path.display());
}

/// Runs one bench; what it prints goes to the file and is shown.
fn run(root: &Path, bench: &str, output: &PathBuf) {
    eprintln!("--- {bench}");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.current_dir(root).args(["bench", "--locked", "--bench", bench]);
    // What cargo has told us of ourselves would make it build anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_") && text != "CARGO_HOME" && text != "CARGO_BUILD_JOBS" {
            command.env_remove(&name);
        }
    }
    let folder = root.join("target/bench");
    let database = if bench == "backfill" { "lean.db" } else { "operator.db" };
    // A commit is measured over a small database, as its limit.
    if bench != "commit" {
        command.env("CORESCOPE_BENCH_DB", folder.join(database));
    }
    command.env("CORESCOPE_BENCH_DIR", folder);
    let done = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    std::fs::write(output, &done.stdout).unwrap();
    eprintln!("{}", String::from_utf8_lossy(&done.stdout));
    assert!(done.status.success(), "{bench} failed");
}
