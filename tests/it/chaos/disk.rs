//! Faults of the disk and of the clock, given to the program from outside by `disk.c`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{crate_root, skip};

/// What the program's disk and clock are to do.
pub struct Disk {
    library: PathBuf,
    control: PathBuf,
    file: File,
}

impl Disk {
    /// Compiles the library into `folder`; `None` (said) without a C compiler.
    pub fn prepare(folder: &Path) -> Option<Self> {
        let library = folder.join("disk.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(crate_root().join("tests/it/chaos/disk.c"))
            .arg("-ldl")
            .status();
        if !built.is_ok_and(|status| status.success()) {
            skip("no C compiler: faults of the disk and the clock are left out");
            return None;
        }
        let control = folder.join("control");
        std::fs::write(&control, [0; 16]).unwrap();
        let file = File::options().write(true).open(&control).unwrap();
        Some(Self { library, control, file })
    }

    /// What the program needs in its environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("CHAOS_CONTROL".to_owned(), text(&self.control)),
        ]
    }

    /// Every write and sync of the database fails with this error; `None` ends it.
    pub fn fail_with(&self, error: Option<rustix::io::Errno>) {
        let code = error.map_or(0, rustix::io::Errno::raw_os_error);
        self.file.write_all_at(&code.to_ne_bytes(), 0).unwrap();
    }

    /// Every write and sync of the database takes so much longer.
    pub fn slow_down(&self, by: Duration) {
        let micros = i32::try_from(by.as_micros()).unwrap();
        self.file.write_all_at(&micros.to_ne_bytes(), 4).unwrap();
    }

    /// The program's wall clock is wrong by so much from now on.
    pub fn shift_clock(&self, offset_s: i64) {
        self.file.write_all_at(&offset_s.to_ne_bytes(), 8).unwrap();
    }
}
