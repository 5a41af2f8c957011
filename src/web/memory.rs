//! The memory of this process, from `/proc/self/status`.

use procfs::process::Process;

const KIB_PER_MIB: f64 = 1024.0;

/// MiB; `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// Resident, all in (`VmRSS`).
    pub resident: Option<f64>,
    /// Resident and in use for data, without mapped files (`RssAnon`).
    pub in_use: Option<f64>,
    /// Obtained from the system for data (`VmData`).
    pub obtained: Option<f64>,
    /// Threads of the process; no MiB.
    pub threads: Option<u64>,
}

/// Reads the figures: one small file of the kernel, no disk.
pub fn read() -> Memory {
    let Ok(status) = Process::myself().and_then(|process| process.status()) else {
        return Memory::default();
    };
    let mib = |kib: Option<u64>| kib.map(|kib| kib as f64 / KIB_PER_MIB);
    Memory {
        resident: mib(status.vmrss),
        in_use: mib(status.rssanon),
        obtained: mib(status.vmdata),
        threads: Some(status.threads),
    }
}
