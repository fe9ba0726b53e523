//! X22: what one job leaves in memory, tables and globals, the next must not find.

use au_host::backend::wasm::WasmConfig;

use super::guests::Own;
use super::*;

/// Gives how many bytes, elements and globals it found touched, and touches them all.
fn leaver() -> Bytes {
    let fields = "(table $table 100 funcref) (global $left (mut i32) (i32.const 0)) (elem declare func $go)";
    let body = "(drop (memory.grow (i32.const 60))) (local.set $i (i32.const 200000))
        (loop $bytes
          (local.set $j (i32.or (local.get $j) (i32.load (local.get $i))))
          (local.set $i (i32.add (local.get $i) (i32.const 4)))
          (br_if $bytes (i32.lt_u (local.get $i) (i32.const 4000000))))
        (memory.fill (i32.const 200000) (i32.const 0xa5) (i32.const 3800000))
        (drop (table.grow $table (ref.null func) (i32.const 900)))
        (local.set $i (i32.const 0))
        (loop $elements
          (local.set $j (i32.or (local.get $j) (i32.eqz (ref.is_null (table.get $table (local.get $i))))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $elements (i32.lt_u (local.get $i) (i32.const 1000))))
        (table.fill $table (i32.const 0) (ref.func $go) (i32.const 1000))
        (local.set $j (i32.or (local.get $j) (global.get $left)))
        (global.set $left (i32.const 1))
        (i32.store (i32.const 640) (local.get $j)) (local.set $at (i32.const 640)) (local.set $len (i32.const 4))";
    Own { fields, body, ..Own::default() }.plain()
}

#[tokio::test]
async fn a_place_that_was_used_is_as_new() {
    for hardened in [false, true] {
        // One place, so that each job is where the one before was.
        let wasm = WasmConfig { attempts: 1, threads: 1, hardened, ..WasmConfig::default() };
        let (local, request) = host_as(LocalConfig { wasm, ..config() }, leaver()).await;
        for round in 0..50 {
            assert_eq!(output(&local, request.clone()).await, [0; 4], "round {round}, hardened {hardened}");
        }
    }
}

#[tokio::test]
async fn a_place_that_was_left_in_a_hurry_is_as_new() {
    let wasm = WasmConfig { attempts: 1, threads: 1, ..WasmConfig::default() };
    let (local, request) = host_as(LocalConfig { wasm, ..config() }, leaver()).await;
    for round in 0..10 {
        for function in ["spin", "unreachable", "recurse"] {
            let mut other = ask(function, 0);
            other.sandbox.timeout = Some(Duration::from_millis(20));
            assert!(local.host().call(other).await.is_err());
            assert_eq!(output(&local, request.clone()).await, [0; 4], "round {round}, after {function}");
        }
    }
}
