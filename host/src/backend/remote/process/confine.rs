//! What a child takes from itself, before it knows any guest and before each attempt.
//!
//! These limits are the second line: the sandbox has its own, and ends an attempt that runs into them with a reason.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::attempt::Attempt;

const OPEN_FILES: u64 = 256;
/// Memory of the child itself, beyond what it has when it is ready: what an attempt has besides its linear memories.
const OWN_MEMORY: u64 = 512 << 20;
/// Threads that may be on a core for one attempt.
const THREADS: u64 = 2;
/// Seconds of a core for what is around an attempt.
const OWN_SECONDS: u64 = 10;

/// What memory the child had when it was ready, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Baseline(u64);

/// Gives up what no attempt needs.
pub(super) fn confine() -> rustix::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let files = getrlimit(Resource::Nofile).maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES));
    setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum: Some(files) })?;
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        rustix::thread::set_no_new_privs(true)?;
    }
    Ok(())
}

impl Baseline {
    /// Of this process, now.
    pub(super) fn now() -> Self {
        Self(data_size().unwrap_or(0))
    }

    /// Limits the process for an attempt. Private memory that can be written is what is limited, for address space is taken in
    /// advance for all memories there could be; the kernel counts what is made writable, as memories grow.
    pub(super) fn confine(self, attempt: &Attempt) -> rustix::io::Result<()> {
        let limits = &attempt.sandbox.limits;
        // An input and an output are there more than once while they are handed over.
        let payloads = attempt.input.len().saturating_add(limits.output).saturating_mul(3);
        let memory = [OWN_MEMORY, limits.memory, payloads].iter().fold(self.0, |sum, part| sum.saturating_add(*part));
        soft(Resource::Data, memory)?;
        let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
        let seconds = limits.timeout.max(Duration::from_secs(1)).as_secs().saturating_add(1).saturating_mul(THREADS);
        soft(Resource::Cpu, u64::try_from(used).unwrap_or(0).saturating_add(seconds).saturating_add(OWN_SECONDS))
    }
}

/// Sets what the kernel holds the process to, as far as that may be.
fn soft(resource: Resource, limit: u64) -> rustix::io::Result<()> {
    let maximum = getrlimit(resource).maximum;
    // Larger numbers than this mean no limit.
    let limit = limit.min(u64::MAX >> 2);
    let current = Some(maximum.map_or(limit, |most| most.min(limit)));
    setrlimit(resource, Rlimit { current, maximum })
}

/// Bytes of private memory that can be written, as the kernel counts them against the limit.
fn data_size() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
