//! Guests of other languages as their tools make them, which no limit may refuse. None is kept here: `AU_REAL_GUESTS` names a
//! folder of them, each a component of au:compute with a function `square` of one number. With `--nocapture` it prints how much
//! of everything each has, which is what the table in `host/src/registry/limits.rs` is made of.

use std::fs;
use std::io::Write as _;

use au_host::backend::wasm::WasmConfig;
use au_host::registry::{ScanLimits, prescan};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn real_guests_of_other_languages_are_taken_in_and_run_where_there_is_one_place_only() {
    let Some(folder) = std::env::var_os("AU_REAL_GUESTS") else {
        return skip("AU_REAL_GUESTS names no folder of guests made by componentize-py and the like");
    };
    let wasm = WasmConfig { attempts: 1, threads: 1, ..WasmConfig::default() };
    let local = guest::local(LocalConfig { wasm, slots: Some(1), ..config() }).await;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let counts = prescan(&bytes, &ScanLimits::default()).unwrap().counts;
        writeln!(std::io::stderr(), "{path:?}, {} bytes: {counts:#?}", bytes.len()).unwrap();
        let request = go(&local, bytes.into()).await;
        let request = Request { function: "square".into(), input: Payload::json(&[12]).unwrap(), ..request };
        let squared = local.host().submit(request).await.unwrap().typed::<u64>().result(LONG).await.unwrap();
        assert_eq!(squared, 144, "{path:?}");
    }
}
