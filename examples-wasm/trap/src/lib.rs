//! Does what WebAssembly forbids: for trying traps.

use au_guest::async_compute;

/// Executes `unreachable`.
#[async_compute]
pub fn trap() {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
}
