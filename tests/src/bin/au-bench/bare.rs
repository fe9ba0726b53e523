//! wasmtime with nothing around it, set up as fast as is safe (`design.md` §5): what our own calls are measured against.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::{Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker, Lower};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

const GUEST: &str = "au:compute/guest@0.1.0";
/// Sandboxes at once: more than any loop here has.
const PLACES: u32 = 64;

#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
struct Input<'a> {
    #[component(name = "content-type")]
    content_type: &'a str,
    bytes: &'a [u8],
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
struct Output {
    #[component(name = "content-type")]
    #[expect(dead_code, reason = "the contract has it; an echo's is known")]
    content_type: String,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(variant)]
#[expect(dead_code, reason = "an echo never refuses; what it would say is printed should it")]
enum Refusal {
    #[component(name = "invalid-input")]
    InvalidInput(String),
    #[component(name = "failed")]
    Failed(String),
    #[component(name = "transient")]
    Transient(String),
}

/// A module, ready to be called in a fresh sandbox.
#[derive(Clone)]
pub(crate) struct Bare {
    instance: InstancePre<()>,
    call: Arc<ComponentExportIndex>,
}

impl Bare {
    /// In an engine of its own.
    pub(crate) fn new(component: &Bytes) -> Self {
        let engine = Engine::new(&config()).expect("an engine");
        let component = Component::new(&engine, component).expect("a component");
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&component).expect("imports that are never called");
        let guest = component.get_export_index(None, GUEST).expect("the interface");
        let call = component.get_export_index(Some(&guest), "call").expect("the function");
        Self { instance: linker.instantiate_pre(&component).expect("all imports"), call: Arc::new(call) }
    }

    /// One call in a fresh sandbox, as a program that only wants it done would make it.
    pub(crate) fn echo(&self, input: &[u8]) -> Vec<u8> {
        let mut store = Store::new(self.instance.engine(), ());
        store.set_epoch_deadline(1_000_000);
        let instance = self.instance.instantiate(&mut store).expect("an instance");
        let call = instance
            .get_typed_func::<(&str, Input<'_>), (Result<Output, Refusal>,)>(&mut store, &*self.call)
            .expect("the function");
        let input = Input { content_type: "application/octet-stream", bytes: input };
        let (output,) = call.call(&mut store, ("echo", input)).expect("it comes back");
        output.expect("an echo").bytes
    }
}

fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.linear_memory_keep_resident(16 << 20)
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(100)
        .max_core_instances_per_component(32)
        .total_component_instances(PLACES)
        .total_core_instances(PLACES * 4)
        .total_memories(PLACES)
        .total_tables(PLACES * 2)
        .total_stacks(PLACES);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .concurrency_support(false);
    config
}
