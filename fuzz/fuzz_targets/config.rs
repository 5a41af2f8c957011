//! Any text as configuration: valid values or one line that says what is wrong.
#![no_main]

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use corescope::config::{Config, Flags, Sources};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static FILE: RefCell<(File, PathBuf)> = RefCell::new({
        let path = std::env::temp_dir().join(format!("corescope-fuzz-{}", std::process::id()));
        (File::create(&path).expect("a file to write to"), path)
    });
}

fuzz_target!(|bytes: &[u8]| {
    FILE.with_borrow(|(file, path)| {
        file.set_len(0).and_then(|()| file.write_all_at(bytes, 0)).expect("room");
        let sources = Sources {
            file: Some(path),
            config_dir: Path::new("/nonexistent"),
            env: &|_| None,
            flags: Flags::default(),
        };
        if let Err(error) = Config::load(&sources) {
            assert!(!error.to_string().contains('\n'), "more than one line: {error}");
        }
    });
});
