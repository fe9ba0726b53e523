//! What a module is made of: it imports what it uses, and no more; and the smallest is small.

use std::collections::BTreeSet;

use au_tests::example::example;
use wasmparser::{Parser, Payload};

use super::EXAMPLES;

const HOST: &str = "au:compute/host@0.1.0";
const TYPES: &str = "au:compute/types@0.1.0";
/// What the SDK may cost.
const SMALLEST: usize = 30 << 10;

/// The interfaces a component imports.
fn interfaces(component: &[u8]) -> BTreeSet<String> {
    let mut depth = 0;
    let mut names = BTreeSet::new();
    for part in Parser::new(0).parse_all(component) {
        match part.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 0 => {
                names.extend(imports.into_iter().map(|import| import.unwrap().name.name.to_owned()));
            }
            _ => {}
        }
    }
    names
}

/// The functions that its code takes from interfaces: `au:compute/host@0.1.0::log`.
fn functions(component: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in Parser::new(0).parse_all(component) {
        if let Payload::ImportSection(imports) = part.unwrap() {
            for import in imports.into_imports() {
                let import = import.unwrap();
                // What is not an interface links the modules of one component with each other.
                if import.module.contains(':') {
                    names.insert(format!("{}::{}", import.module, import.name));
                }
            }
        }
    }
    names
}

#[test]
fn no_example_imports_anything_but_the_contract() {
    for name in EXAMPLES {
        let imported = interfaces(&example(name));
        assert!(!imported.is_empty(), "{name} can say that it panics");
        assert!(imported.iter().all(|import| [HOST, TYPES].contains(&&**import)), "{name} imports {imported:?}");
    }
}

#[test]
fn a_guest_takes_from_the_host_what_it_uses_and_no_more() {
    for (name, uses) in [
        ("trivial", &["panicked"][..]),
        ("trap", &["panicked"]),
        ("factorial", &["panicked", "progress"]),
        ("flood", &["log", "panicked"]),
        ("primes", &["log", "panicked", "progress"]),
    ] {
        let used: BTreeSet<_> = uses.iter().map(|function| format!("{HOST}::{function}")).collect();
        assert_eq!(functions(&example(name)), used, "{name}");
    }
}

#[test]
fn the_smallest_guest_has_at_most_30_kilobytes() {
    let size = example("trivial").len();
    assert!(size <= SMALLEST, "{size} bytes");
}
