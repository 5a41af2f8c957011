//! Reads what the kernel tells about this process: `/proc/self/io`, the same of each thread,
//! `/proc/pressure/io`, resident memory and the free space of the database's volume.
//!
//! The folder is given, so a test shows any kernel it likes (000-17).

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use procfs::process::{Io, StatM};
use procfs::{FromBufRead, FromRead, IoPressure};
use serde::Serialize;
use utoipa::ToSchema;

use super::signal::{NoValue, Signal};

const IO: &str = "/proc/self/io";
const TASKS: &str = "/proc/self/task";
const MEMORY: &str = "/proc/self/statm";
const PRESSURE: &str = "/proc/pressure/io";
const VOLUME: &str = "the database's volume";

/// A kernel's files have a few hundred bytes; more is not read.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Threads that are looked at; we run some twenty.
const THREADS_MAX: usize = 1_024;

/// Counters of a process or a thread since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoCounters {
    /// Bytes fetched from storage.
    pub read_bytes: u64,
    /// Bytes sent towards storage.
    pub write_bytes: u64,
    /// Bytes of those that were never written, because the file was cut or removed before.
    pub cancelled_write_bytes: u64,
    /// Reading system calls.
    pub read_calls: u64,
    /// Writing system calls.
    pub write_calls: u64,
}

/// One thread and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadReading {
    /// The kernel's id; it is used again after the thread's end.
    pub id: u32,
    /// The first 15 bytes of its name.
    pub name: String,
    /// Since the thread's start.
    pub counters: IoCounters,
}

/// How much of the time tasks of the whole machine waited for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct Pressure {
    /// At least one task waited.
    pub some: PressureShare,
    /// All tasks that had anything to do waited.
    pub full: PressureShare,
}

/// Per cent of the last seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct PressureShare {
    /// Of 10 s.
    pub avg10: f32,
    /// Of 60 s.
    pub avg60: f32,
    /// Of 300 s.
    pub avg300: f32,
    /// Microseconds since the machine's start.
    #[serde(rename = "totalUs")]
    pub total_us: u64,
}

/// Everything as it was read at one moment. A signal that cannot be read takes no other with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The whole process.
    pub process: Signal<IoCounters>,
    /// Its threads.
    pub threads: Signal<Vec<ThreadReading>>,
    /// The machine.
    pub pressure: Signal<Pressure>,
    /// Resident memory.
    pub rss_bytes: Signal<u64>,
    /// What an unprivileged process may still write to the database's volume.
    pub free_bytes: Signal<u64>,
}

/// Where to read.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
    volume: PathBuf,
}

impl Proc {
    /// Reads `/proc`, and the free space of the volume that holds `volume`.
    pub fn of_system(volume: &Path) -> Self {
        Self::at(Path::new("/proc"), volume)
    }

    /// Reads a folder that looks like `/proc`.
    pub fn at(root: &Path, volume: &Path) -> Self {
        Self { root: root.to_owned(), volume: volume.to_owned() }
    }

    /// Reads everything. Threads come before the process: its total includes what they did.
    pub fn read(&self) -> Reading {
        let threads = self.read_threads();
        Reading {
            process: self.read_process(),
            threads,
            pressure: self.read_pressure(),
            rss_bytes: self.read_rss(),
            free_bytes: self.read_free(),
        }
    }

    /// Reads the counters of the whole process.
    ///
    /// # Errors
    /// Why there is no sample; a file in which a key is missing is none (000-07, decision 34).
    pub fn read_process(&self) -> Signal<IoCounters> {
        let text =
            read_file(&self.root.join("self/io")).map_err(|error| NoValue::of_error(IO, &error))?;
        parse_counters(&text).ok_or(NoValue::Incomplete(IO))
    }

    fn read_threads(&self) -> Signal<Vec<ThreadReading>> {
        let unreadable = |error: &io::Error| NoValue::of_error(TASKS, error);
        let folder = self.root.join("self/task");
        let mut threads = Vec::with_capacity(32);
        for entry in fs::read_dir(folder).map_err(|error| unreadable(&error))?.take(THREADS_MAX) {
            let path = entry.map_err(|error| unreadable(&error))?.path();
            match read_thread(&path) {
                Ok(Some(thread)) => threads.push(thread),
                Ok(None) => return Err(NoValue::Incomplete("/proc/self/task/…/io")),
                // It ended while we were reading.
                Err(error) if is_gone(&error) && is_thread_gone(&path) => {}
                Err(error) => return Err(NoValue::of_error("/proc/self/task/…/io", &error)),
            }
        }
        Ok(threads)
    }

    fn read_pressure(&self) -> Signal<Pressure> {
        let text = read_file(&self.root.join("pressure/io"))
            .map_err(|error| NoValue::of_error(PRESSURE, &error))?;
        let read = IoPressure::from_buf_read(&text[..]);
        let share = |record: &procfs::PressureRecord| PressureShare {
            avg10: record.avg10,
            avg60: record.avg60,
            avg300: record.avg300,
            total_us: record.total,
        };
        read.map(|io| Pressure { some: share(&io.some), full: share(&io.full) })
            .map_err(|_| NoValue::Incomplete(PRESSURE))
    }

    fn read_rss(&self) -> Signal<u64> {
        let text = read_file(&self.root.join("self/statm"))
            .map_err(|error| NoValue::of_error(MEMORY, &error))?;
        let memory = StatM::from_read(&text[..]).map_err(|_| NoValue::Incomplete(MEMORY))?;
        Ok(memory.resident.saturating_mul(procfs::page_size()))
    }

    fn read_free(&self) -> Signal<u64> {
        let volume = rustix::fs::statvfs(&self.volume)
            .map_err(|error| NoValue::of_error(VOLUME, &error.into()))?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

/// Parses the text of an `io` file; `None` unless every key is there.
pub fn parse_counters(text: &[u8]) -> Option<IoCounters> {
    let io = Io::from_buf_read(text).ok()?;
    Some(IoCounters {
        read_bytes: io.read_bytes,
        write_bytes: io.write_bytes,
        cancelled_write_bytes: io.cancelled_write_bytes,
        read_calls: io.syscr,
        write_calls: io.syscw,
    })
}

/// Returns what a thread did; `None` if its file is not as it should be.
fn read_thread(folder: &Path) -> io::Result<Option<ThreadReading>> {
    let name = String::from_utf8_lossy(&read_file(&folder.join("comm"))?).trim_end().to_owned();
    let counters = parse_counters(&read_file(&folder.join("io"))?);
    let id = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
    Ok(counters.zip(id).map(|(counters, id)| ThreadReading { id, name, counters }))
}

fn is_gone(error: &io::Error) -> bool {
    let no_such_process = rustix::io::Errno::SRCH.raw_os_error();
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(no_such_process)
}

/// Tells a thread that ended from a kernel that keeps no account of threads.
fn is_thread_gone(folder: &Path) -> bool {
    !folder.join("comm").exists()
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(256);
    fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text)
}
