//! How large the backend is.

use std::thread::available_parallelism;

/// How large the backend is. Sizes are address space, not memory: memory is only used once a guest touches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmConfig {
    /// Attempts at once; more wait. At most 4096.
    pub attempts: usize,
    /// Bytes of the largest memory there can be. What an attempt may have is its own limit.
    pub memory: u64,
    /// Threads that guests run on, and engines.
    pub threads: usize,
    /// Slower, and with less that could go wrong: code compiled in a single pass, memory allocated on demand.
    pub hardened: bool,
    /// Sandboxes are made of what a pool holds ready, which takes some time and much address space to set up; else each of what it
    /// takes itself, which is slower where there are many. `hardened` ones always are.
    pub pooled: bool,
    /// Guests never look whether they are to stop, and compute up to twice as fast. A guest that is on a core can then only be
    /// stopped with its process: neither a cancel nor its timeout ends it. For processes that are killed by another, which
    /// keeps time. What a guest asks of the host, it still hears.
    pub unstoppable: bool,
}

/// All that 32-bit WebAssembly can address. The address space is taken in any case, so a smaller one saves nothing.
const MEMORY: u64 = 4 << 30;
const ATTEMPTS_A_THREAD: usize = 64;
/// More would not fit into the address space, two memories each, once for code that counts fuel and once for code that does not.
const MOST_ATTEMPTS: usize = 4096;
const SMALL: usize = 4;

impl Default for WasmConfig {
    /// Right for a host that stays: a thread a core, and 64 attempts a thread.
    fn default() -> Self {
        let threads = available_parallelism().map_or(1, usize::from);
        let attempts = (threads * ATTEMPTS_A_THREAD).min(MOST_ATTEMPTS);
        Self { attempts, memory: MEMORY, threads, hardened: false, pooled: true, unstoppable: false }
    }
}

impl WasmConfig {
    /// Right for a process that runs one thing and ends.
    #[must_use]
    pub fn small() -> Self {
        Self { attempts: SMALL, threads: 1, pooled: false, ..Self::default() }
    }

    /// Nothing of which there is none, or more than there can be.
    pub(super) fn sound(mut self) -> Self {
        self.attempts = self.attempts.clamp(1, MOST_ATTEMPTS);
        self.threads = self.threads.clamp(1, self.attempts);
        self.memory = self.memory.clamp(1 << 16, MEMORY);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_backend_fits_into_the_address_space_of_a_process() {
        let config = WasmConfig { attempts: usize::MAX, threads: usize::MAX, ..WasmConfig::default() }.sound();
        let guard = 32 << 20;
        let of_one_kind = 2 * config.attempts as u64 * (config.memory + guard);
        // Half of what 47 bits give: the engines of unusual stacks, and the rest of the program, have the other half.
        assert!(2 * of_one_kind <= (1 << 46) + (1 << 40), "{of_one_kind}");
    }
}
