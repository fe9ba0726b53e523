//! Guests made of too many parts: core instances, tables and memories are counted over the whole of an attempt.
//!
//! The pool refuses what it has no place for before anything runs. Where there is no pool (hardened), the count in the attempt does.

use au_host::FailureKind;
use au_host::backend::wasm::WasmConfig;
use wasmparser::{Parser, Payload as Part};

use super::starts::host_of_undescribed;
use super::*;

/// The harmless guest, with another component in it that is made whenever it is: so many instances of a module with these fields.
fn with_instances(count: usize, fields: &str) -> Bytes {
    let inner = format!("(component (core module $m {fields}) {})", "(core instance (instantiate $m))".repeat(count));
    let inner = wat::parse_str(inner).unwrap();
    let guest = guest::guest();
    let number = components(&guest);
    assert!(number < 0x80, "a number of one byte");
    // A section of one component, and a section of one instance of it, without arguments.
    let instance = [5, 4, 1, 0, number, 0];
    [&guest[..], &[4], &length(inner.len()), &inner, &instance].concat().into()
}

/// An unsigned LEB128 number.
fn length(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
    out
}

/// How many components a component has in it, not counting those within them.
fn components(bytes: &[u8]) -> u8 {
    let (mut depth, mut count) = (0, 0);
    for part in Parser::new(0).parse_all(bytes) {
        match part.unwrap() {
            Part::Version { .. } => depth += 1,
            Part::End(_) => depth -= 1,
            Part::ComponentSection { .. } if depth == 1 => count += 1,
            _ => {}
        }
    }
    count
}

fn hardened() -> LocalConfig {
    LocalConfig { wasm: WasmConfig { hardened: true, ..WasmConfig::default() }, ..config() }
}

/// Why a guest is not taken in.
async fn refusal(config: LocalConfig, wasm: Bytes) -> String {
    let local = guest::local(config).await;
    let refused = local.add_module(wasm).await.expect_err("it has too many parts").to_string();
    sing(&local, 3).await;
    refused
}

#[tokio::test]
async fn a_guest_of_as_many_instances_as_it_may_have_is_taken_in() {
    let local = guest::local(config()).await;
    let fields = "(memory 1) (table 1 funcref)";
    let module = local.add_module(with_instances(5, fields)).await.unwrap();
    let request = Request { module: au_host::ModuleRef::Digest(module.digest), ..ask("echo", 5) };
    assert_eq!(output(&local, request).await, 5_u32.to_le_bytes());
}

#[tokio::test]
async fn a_guest_of_more_instances_than_it_may_have_is_refused_and_told_so() {
    let refused = refusal(hardened(), with_instances(70, "")).await;
    assert!(refused.contains("the 64 instances that the limit of instances allows"), "{refused}");
}

#[tokio::test]
async fn a_guest_of_more_tables_than_it_may_have_is_refused_and_told_so() {
    let refused = refusal(hardened(), with_instances(33, &"(table 1 funcref)".repeat(4))).await;
    assert!(refused.contains("more tables than an attempt may have"), "{refused}");
}

#[tokio::test]
async fn a_guest_of_more_parts_than_a_place_in_the_pool_has_is_refused_and_disturbs_nobody() {
    for (count, fields) in [(70, "".to_owned()), (33, "(table 1 funcref)".repeat(4)), (20, "(memory 1)".to_owned())] {
        refusal(config(), with_instances(count, &fields)).await;
    }
}

#[tokio::test]
async fn a_guest_of_more_memories_than_it_may_have_fails_and_is_told_so() {
    // A module has one memory at most, so these take more instances than any host gives that was not told otherwise.
    let mut config = hardened();
    config.policy.ceiling.instances = 100;
    let (local, mut request, _folder) = host_of_undescribed(config, with_instances(65, "(memory 0)")).await;
    request.sandbox.instances = Some(100);
    let failure = failure(&local, request).await;
    assert_eq!(failure.kind, FailureKind::OutOfMemory, "{failure}");
    assert_eq!(failure.limit.map(|limit| (limit.name, limit.value)), Some(("memories".into(), 64)));
}
