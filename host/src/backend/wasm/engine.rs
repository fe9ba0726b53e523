//! How the engine is set up: features, limits, pools. The one place that decides what compiled code looks like, so that
//! the process that compiles and the one that runs agree.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, RegallocAlgorithm,
    Strategy, WasmBacktraceDetails,
};

use crate::error::{Error, Result};

/// Stack that host functions have below the guest's; a host frame never meets the end of the stack.
const HOST_STACK: usize = 3 << 19;
const KEEP_RESIDENT: usize = 16 << 20;
/// What one component may be made of; CPython is 38 instances.
const CORE_INSTANCES: u32 = 64;
const MEMORIES: u32 = 8;
const TABLES: u32 = 16;
const BACKTRACE_FRAMES: usize = 20;

/// What code is compiled for. Code of one profile does not run in an engine of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CodeProfile {
    /// Counts fuel, which costs up to 45 %.
    pub fuel: bool,
    /// Compiled in a single pass, allocated on demand: slower, and with less that could go wrong.
    pub hardened: bool,
    /// Never looks whether it is to stop, which saves up to half of the time; what is on a core stays there. For processes that
    /// are killed when they do not stop.
    pub unstoppable: bool,
}

impl CodeProfile {
    /// The settings that change the code. Anything here must be the same in the compiling process.
    #[must_use]
    pub fn config(self) -> Config {
        let mut config = Config::new();
        config.strategy(Strategy::Cranelift).cranelift_opt_level(OptLevel::Speed);
        if self.hardened {
            config.cranelift_opt_level(OptLevel::None);
            config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        }
        restrict(&mut config);
        config
            .epoch_interruption(!self.unstoppable)
            .consume_fuel(self.fuel)
            .concurrency_support(false)
            .native_unwind_info(false)
            .generate_address_map(false)
            .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES))
            .wasm_backtrace_details(WasmBacktraceDetails::Disable);
        config
    }

    /// Every profile there is.
    #[must_use]
    pub fn all() -> [Self; 8] {
        std::array::from_fn(|n| Self { fuel: n & 1 != 0, hardened: n & 2 != 0, unstoppable: n & 4 != 0 })
    }

    /// A short name, for files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match (self.hardened, self.fuel, self.unstoppable) {
            (false, false, false) => "plain",
            (false, true, false) => "fuel",
            (true, false, false) => "hard",
            (true, true, false) => "hard-fuel",
            (false, false, true) => "unstoppable",
            (false, true, true) => "unstoppable-fuel",
            (true, false, true) => "unstoppable-hard",
            (true, true, true) => "unstoppable-hard-fuel",
        }
    }
}

/// No proposal that gave guests a way to panic the host, nor one that is not done. Exceptions, which must not be on without
/// GC, cannot be: wasmtime's cargo feature `gc` is off. Typed function references have no switch in such a build; the
/// validator refuses them, as it does all of these (`registry/features.rs`). Multi-memory stays on, since components with it
/// off make the compiler panic; one memory a core module is what the pre-scan sees to.
fn restrict(config: &mut Config) {
    config
        .gc_support(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_multi_memory(true)
        .wasm_component_model(true);
}

/// An engine to run attempts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EngineProfile {
    /// What its code is compiled for.
    pub code: CodeProfile,
    /// Bytes of stack a guest has.
    pub stack: usize,
    /// How many attempts it holds at once, with what each may have at most.
    pub pool: PoolSize,
    /// Whether it takes all that when it is made. Else, and where code is hardened, each attempt takes what it needs.
    pub pooled: bool,
}

/// How much a pool holds. Address space, not memory: it is only used once a guest touches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PoolSize {
    /// Attempts at once.
    pub attempts: u32,
    /// Bytes of the largest memory.
    pub memory: usize,
    /// Elements of the largest table.
    pub table_elements: usize,
}

impl EngineProfile {
    /// Makes the engine.
    ///
    /// # Errors
    /// `Fault` when the machine does not give the address space.
    pub fn engine(self) -> Result<Engine> {
        let mut config = self.code.config();
        config
            .max_wasm_stack(self.stack)
            .async_stack_size(self.stack + HOST_STACK)
            .async_stack_zeroing(self.code.hardened);
        if self.pooled && !self.code.hardened {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(self.pool.config()));
        }
        Engine::new(&config).map_err(|error| Error::fault("wasm engine", error))
    }
}

impl PoolSize {
    fn config(self) -> PoolingAllocationConfig {
        let Self { attempts, memory, table_elements } = self;
        let mut pool = PoolingAllocationConfig::new();
        pool.linear_memory_keep_resident(KEEP_RESIDENT)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(16 << 10)
            .pagemap_scan(Enabled::Auto)
            .max_unused_warm_slots(100)
            .max_memory_size(memory)
            .table_elements(table_elements)
            .max_core_instances_per_component(CORE_INSTANCES)
            .max_component_instance_size(4 << 20)
            .max_core_instance_size(4 << 20)
            .max_memories_per_component(MEMORIES)
            .max_tables_per_component(TABLES)
            .max_tables_per_module(4)
            .total_component_instances(attempts)
            // These are only counted. Memories and tables take address space, so there are as many as most attempts need,
            // and enough for the largest component even where there is one attempt only: it would wait for ever.
            .total_core_instances(attempts.saturating_mul(CORE_INSTANCES))
            .total_memories(attempts.saturating_mul(2).max(MEMORIES))
            .total_tables(attempts.saturating_mul(4).max(TABLES))
            .total_stacks(attempts);
        pool
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::Store;
    use wasmtime::component::{Component, Linker};

    #[tokio::test]
    async fn where_there_is_one_place_the_largest_component_fits_into_it() {
        let pool = PoolSize { attempts: 1, memory: 1 << 20, table_elements: 100 };
        let engine =
            EngineProfile { code: CodeProfile::default(), stack: 512 << 10, pool, pooled: true }.engine().unwrap();
        let (instances, memories, tables) = (CORE_INSTANCES as usize, MEMORIES as usize, TABLES as usize);
        let text = format!(
            "(component (core module $memory (memory 1)) (core module $table (table 1 funcref)) (core module $none) {} {} {})",
            "(core instance (instantiate $memory))".repeat(memories),
            "(core instance (instantiate $table))".repeat(tables),
            "(core instance (instantiate $none))".repeat(instances - memories - tables),
        );
        let component = Component::from_binary(&engine, &wat::parse_str(text).unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1_000);
        Linker::new(&engine).instantiate_async(&mut store, &component).await.unwrap();
    }
}
