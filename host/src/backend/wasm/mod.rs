//! The `wasm:` backend: attempts run in this process, each in a fresh wasmtime store.

mod bindings;
mod compute;
mod config;
mod describe;
pub mod engine;
mod execute;
mod guest;
mod handles;
mod limiter;
mod pool;
mod prepared;
mod quick;
mod run;
mod settle;
mod stop;
mod ticker;
mod wasi;

pub use config::WasmConfig;
pub(crate) use execute::Engines;
pub use execute::WasmBackend;
