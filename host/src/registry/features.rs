//! Which WebAssembly proposals a module may use: those the engine has on, said to wasmparser.
//!
//! `CodeProfile::config` says the same to wasmtime; a test holds the two together.

use wasmparser::WasmFeatures;

use super::verdict::Refusal;

/// The proposals that are on.
pub(super) fn features() -> WasmFeatures {
    let off = WasmFeatures::GC
        | WasmFeatures::GC_TYPES
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::FUNCTION_REFERENCES
        | WasmFeatures::MEMORY64
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::THREADS
        | WasmFeatures::CM_ASYNC;
    (WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL) - off
}

/// The name of a proposal, as in a code: `memory64`.
pub(super) fn name(feature: WasmFeatures) -> String {
    feature.iter_names().map(|(name, _)| name.to_lowercase()).next().unwrap_or_else(|| "unknown".into())
}

/// What wasmparser has against a module, as the code and reason a caller sees.
pub(super) fn refusal(error: &wasmparser::Error) -> Refusal {
    let why = error.to_string();
    match error.missing_wasm_feature() {
        Some(feature) => Refusal::new(format!("unsupported_feature:{}", name(feature)), why),
        None => Refusal::new("module_invalid", why),
    }
}
