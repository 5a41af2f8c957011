//! Reads what the kernel tells about this process: `/proc/self/io`, the same of each thread,
//! `/proc/pressure/io`, resident memory and the free space of the database's volume.
//!
//! The folder is given, so a test shows any kernel it likes (000-17).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use procfs::process::{Io, StatM};
use procfs::{FromBufRead, FromRead, IoPressure};
use serde::Serialize;
use utoipa::ToSchema;

use super::kernel_file::KernelFile;
use super::signal::{NoValue, Signal};

const IO: &str = "/proc/self/io";
const TASKS: &str = "/proc/self/task";
const MEMORY: &str = "/proc/self/statm";
const PRESSURE: &str = "/proc/pressure/io";
const VOLUME: &str = "the database's volume";

/// Threads that are looked at, with two open files each; we run some twenty. What others do counts
/// for the process only.
const THREADS_MAX: usize = 128;

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

/// Where to read. The files stay open from one reading to the next.
#[derive(Clone, Debug)]
pub struct Proc {
    process: KernelFile,
    memory: KernelFile,
    pressure: KernelFile,
    tasks: PathBuf,
    threads: BTreeMap<u32, Thread>,
    volume: PathBuf,
}

impl Proc {
    /// Reads `/proc`, and the free space of the volume that holds `volume`.
    pub fn of_system(volume: &Path) -> Self {
        Self::at(Path::new("/proc"), volume)
    }

    /// Reads a folder that looks like `/proc`.
    pub fn at(root: &Path, volume: &Path) -> Self {
        Self {
            process: KernelFile::new(root.join("self/io")),
            memory: KernelFile::new(root.join("self/statm")),
            pressure: KernelFile::new(root.join("pressure/io")),
            tasks: root.join("self/task"),
            threads: BTreeMap::new(),
            volume: volume.to_owned(),
        }
    }

    /// Reads everything. Threads come before the process: its total includes what they did.
    pub fn read(&mut self) -> Reading {
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
    pub fn read_process(&mut self) -> Signal<IoCounters> {
        let text = self.process.read().map_err(|error| NoValue::of_error(IO, &error))?;
        parse_counters(text).ok_or(NoValue::Incomplete(IO))
    }

    fn read_threads(&mut self) -> Signal<Vec<ThreadReading>> {
        self.list_threads().map_err(|error| NoValue::of_error(TASKS, &error))?;
        let mut readings = Vec::with_capacity(self.threads.len());
        for (id, thread) in &mut self.threads {
            match thread.read(*id) {
                Ok(Some(reading)) => readings.push(reading),
                Ok(None) => return Err(NoValue::Incomplete("/proc/self/task/…/io")),
                // It ended while we were reading.
                Err(error) if is_gone(&error) && !thread.name.path().exists() => {}
                Err(error) => return Err(NoValue::of_error("/proc/self/task/…/io", &error)),
            }
        }
        Ok(readings)
    }

    /// Forgets the threads that have ended and adds those that are new.
    fn list_threads(&mut self) -> io::Result<()> {
        let mut known = std::mem::take(&mut self.threads);
        for entry in fs::read_dir(&self.tasks)?.take(THREADS_MAX) {
            let folder = entry?.file_name();
            let Some(id) = folder.to_str().and_then(|name| name.parse().ok()) else { continue };
            let thread = known.remove(&id).unwrap_or_else(|| Thread::at(&self.tasks.join(folder)));
            self.threads.insert(id, thread);
        }
        Ok(())
    }

    fn read_pressure(&mut self) -> Signal<Pressure> {
        let text = self.pressure.read().map_err(|error| NoValue::of_error(PRESSURE, &error))?;
        let read = IoPressure::from_buf_read(text);
        let share = |record: &procfs::PressureRecord| PressureShare {
            avg10: record.avg10,
            avg60: record.avg60,
            avg300: record.avg300,
            total_us: record.total,
        };
        read.map(|io| Pressure { some: share(&io.some), full: share(&io.full) })
            .map_err(|_| NoValue::Incomplete(PRESSURE))
    }

    fn read_rss(&mut self) -> Signal<u64> {
        let text = self.memory.read().map_err(|error| NoValue::of_error(MEMORY, &error))?;
        let memory = StatM::from_read(text).map_err(|_| NoValue::Incomplete(MEMORY))?;
        Ok(memory.resident.saturating_mul(procfs::page_size()))
    }

    fn read_free(&self) -> Signal<u64> {
        let volume = rustix::fs::statvfs(&self.volume)
            .map_err(|error| NoValue::of_error(VOLUME, &error.into()))?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

#[derive(Clone, Debug)]
struct Thread {
    name: KernelFile,
    io: KernelFile,
}

impl Thread {
    fn at(folder: &Path) -> Self {
        Self { name: KernelFile::new(folder.join("comm")), io: KernelFile::new(folder.join("io")) }
    }

    /// Returns what it did; `None` if its file is not as it should be. Threads name themselves after
    /// they have started, so the name is read each time.
    fn read(&mut self, id: u32) -> io::Result<Option<ThreadReading>> {
        let name = String::from_utf8_lossy(self.name.read()?).trim_end().to_owned();
        let counters = parse_counters(self.io.read()?);
        Ok(counters.map(|counters| ThreadReading { id, name, counters }))
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

fn is_gone(error: &io::Error) -> bool {
    let no_such_process = rustix::io::Errno::SRCH.raw_os_error();
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(no_such_process)
}
