//! Counts what a guest takes and says no in time. Bytes are summed over all memories of the attempt: wasmtime's own limits
//! count each memory alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

use super::stop::Watch;
use crate::attempt::Usage;
use crate::sandbox::Limits;

/// Tables an attempt may have; a component of many languages has two or three a module.
pub(super) const TABLES: usize = 128;
/// Memories an attempt may have.
pub(super) const MEMORIES: usize = 64;

/// What an attempt has used so far. Readable from outside, also when the attempt is stopped and gone.
#[derive(Debug)]
pub(super) struct Meter {
    peak_memory: AtomicU64,
    /// Fuel it began with; `None`: not metered.
    given: Option<u64>,
    /// Fuel used, and one more: nothing is no fuel metered.
    fuel: AtomicU64,
}

impl Meter {
    pub(super) fn new(fuel: Option<u64>) -> Self {
        Self { peak_memory: AtomicU64::new(0), given: fuel, fuel: AtomicU64::new(0) }
    }

    /// Only the attempt itself writes it.
    fn memory(&self, total: u64) {
        if total > self.peak_memory.load(Ordering::Relaxed) {
            self.peak_memory.store(total, Ordering::Relaxed);
        }
    }

    /// Notes how much fuel is left, where it is metered.
    pub(super) fn note_fuel(&self, left: impl FnOnce() -> wasmtime::Result<u64>) {
        if let Some(given) = self.given
            && let Ok(left) = left()
        {
            self.fuel.store(given.saturating_sub(left).saturating_add(1), Ordering::Relaxed);
        }
    }

    pub(super) fn usage(&self, log_dropped: u64) -> Usage {
        Usage {
            fuel: self.fuel.load(Ordering::Relaxed).checked_sub(1),
            peak_memory: self.peak_memory.load(Ordering::Relaxed),
            log_dropped,
        }
    }
}

/// A limit that stopped a guest from growing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// Bytes it would have had.
    Memory(u64),
    /// Elements the table would have had.
    Table(u64),
}

/// Holds one attempt under its limits.
#[derive(Debug)]
pub(super) struct Limiter {
    memory: u64,
    table_elements: u64,
    instances: usize,
    used: u64,
    growing: u64,
    watch: Arc<Watch>,
    denied: Option<Denied>,
}

impl Limiter {
    pub(super) fn new(limits: &Limits, watch: Arc<Watch>) -> Self {
        Self {
            memory: limits.memory,
            table_elements: limits.table_elements,
            instances: usize::try_from(limits.instances).unwrap_or(usize::MAX),
            used: 0,
            growing: 0,
            watch,
            denied: None,
        }
    }

    /// The last growth that was refused, if one was: the likely reason of a trap that follows.
    pub(super) fn denied(&self) -> Option<Denied> {
        self.denied
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired as u64).saturating_sub(current as u64);
        let total = self.used.saturating_add(more);
        self.growing = 0;
        if total > self.memory {
            self.denied = Some(Denied::Memory(total));
            return Ok(false);
        }
        // Over the module's own maximum: refused by wasmtime, and not by a limit of ours.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.growing = more;
        self.used = total;
        self.watch.meter.memory(total);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "a memory did not grow");
        self.used -= std::mem::take(&mut self.growing);
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired as u64 <= self.table_elements;
        if !fits {
            self.denied = Some(Denied::Table(desired as u64));
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
