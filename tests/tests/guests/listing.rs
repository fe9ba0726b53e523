//! What modules say of themselves: names, summaries, signatures, and schemas that are schemas.

use au_host::ModuleRef;
use au_host::registry::{Function, Kind};
use au_tests::example::{example, host_of};

use super::EXAMPLES;

async fn listed(name: &str) -> Function {
    let local = host_of(&[name]).await;
    let module: ModuleRef = name.parse().unwrap();
    assert_eq!(local.module(&module).await.unwrap().kind, Kind::Compute, "{name}");
    let functions = local.functions(&module).await.unwrap();
    let [function] = &functions[..] else { panic!("{name} offers {functions:?}") };
    function.clone()
}

#[tokio::test]
async fn every_example_offers_one_function_with_its_doc_comment_and_valid_schemas() {
    for name in EXAMPLES {
        let function = listed(name).await;
        assert_eq!(function.name, name);
        assert!(function.summary.ends_with('.'), "{name}: {:?}", function.summary);
        for schema in [&function.input_schema, &function.output_schema] {
            match schema {
                Some(schema) => jsonschema::draft202012::meta::validate(schema).unwrap(),
                None => assert_eq!(name, "trivial", "it alone is built without schemas"),
            }
        }
    }
}

#[tokio::test]
async fn a_summary_is_the_first_line_of_the_doc_comment() {
    assert_eq!(listed("factorial").await.summary, "The product of all numbers from 1 to n, exactly.");
}

#[tokio::test]
async fn a_signature_names_parameters_and_what_may_be_left_out() {
    for (name, signature) in [
        ("factorial", "factorial(n: integer) -> Natural"),
        ("montecarlo", "montecarlo(samples: integer, seed?: integer | null) -> Estimate"),
        ("csv_stats", "csv_stats(table: string) -> Column[]"),
        ("spin", "spin() -> integer"),
        ("trap", "trap() -> null"),
        ("trivial", "trivial"),
    ] {
        assert_eq!(listed(name).await.signature(), signature);
    }
}

#[tokio::test]
async fn the_same_bytes_describe_themselves_the_same_way() {
    let local = host_of(&["montecarlo"]).await;
    let first = local.add_module(example("montecarlo")).await.unwrap();
    assert_eq!(first.functions, [listed("montecarlo").await]);
}
