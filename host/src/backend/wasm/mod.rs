//! The `wasm:` backend: attempts run in this process, each in a fresh wasmtime store.

pub mod engine;
