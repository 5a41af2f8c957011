//! Opening: fresh, old, foreign and broken databases.

use corescope::clock::Clock;
use corescope::db::{self, OpenOptions};

use crate::support;

fn options() -> OpenOptions {
    OpenOptions::new(Clock::manual(1_784_364_457_000))
}

#[test]
fn the_fixture_is_opened() {
    let Some(fixture) = support::data_file("e2e-fixture.db") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mesh.db");
    std::fs::copy(fixture, &path).unwrap();
    let database = db::open(&path, &options()).unwrap();
    println!("{:?}", database.report);
    database.writer.close().unwrap();
    let again = db::open(&path, &options()).unwrap();
    println!("{:?}", again.report);
    again.writer.close().unwrap();
    let fresh = db::open(&folder.path().join("a/fresh.db"), &options()).unwrap();
    println!("{:?}", fresh.report);
    fresh.writer.close().unwrap();
}
