//! Arguments by place and by name, and what is said when they do not fit.

use std::collections::BTreeMap;

use au_guest::async_compute;
use serde::Serialize;

use super::{Codec, refusal};

/// What the price of so many pieces is.
#[async_compute]
fn price(pieces: u32, each: f64, discount: Option<f64>) -> f64 {
    f64::from(pieces) * each - discount.unwrap_or(0.0)
}

#[async_compute]
fn first_may_be_missing(first: Option<u32>, second: u32) -> (Option<u32>, u32) {
    (first, second)
}

#[async_compute]
fn no_arguments() -> String {
    "none".into()
}

#[derive(Serialize)]
struct Named {
    discount: f64,
    pieces: u32,
    each: f64,
}

#[test]
fn arguments_are_taken_by_place_and_by_name_in_any_order() {
    for codec in Codec::ALL {
        assert_eq!(codec.output::<_, f64>("price", &(3, 2.5, 0.5)), 7.0, "{codec:?}");
        let named = Named { discount: 0.5, pieces: 3, each: 2.5 };
        assert_eq!(codec.output::<_, f64>("price", &named), 7.0, "{codec:?}");
    }
}

#[test]
fn an_option_may_be_left_out_or_null() {
    for codec in Codec::ALL {
        assert_eq!(codec.output::<_, f64>("price", &(3, 2.5)), 7.5, "{codec:?}");
        assert_eq!(codec.output::<_, f64>("price", &(3, 2.5, None::<f64>)), 7.5, "{codec:?}");
        let named = BTreeMap::from([("pieces", 2.0_f32), ("each", 4.0)]);
        refusal(codec.call("price", &named));
        let second = BTreeMap::from([("second", 9)]);
        let output: (Option<u32>, u32) = codec.output("first_may_be_missing", &second);
        assert_eq!(output, (None, 9), "{codec:?}");
    }
}

#[test]
fn a_missing_argument_is_named_with_what_the_function_takes() {
    for codec in Codec::ALL {
        let why = refusal(codec.call("price", &(3,)));
        assert_eq!(why, "argument each is missing; it takes pieces, each, discount", "{codec:?}");
        let why = refusal(codec.call("price", &BTreeMap::from([("each", 1.5)])));
        assert_eq!(why, "argument pieces is missing; it takes pieces, each, discount", "{codec:?}");
    }
}

#[test]
fn too_many_arguments_are_refused() {
    for codec in Codec::ALL {
        let why = refusal(codec.call("price", &(3, 2.5, 0.5, 1)));
        assert!(why.contains("too many arguments; it takes pieces, each, discount"), "{codec:?}: {why}");
        let why = refusal(codec.call("no_arguments", &[1]));
        assert!(why.contains("too many arguments; it takes no arguments"), "{codec:?}: {why}");
    }
}

#[test]
fn a_name_that_no_parameter_has_is_refused_by_that_name() {
    for codec in Codec::ALL {
        let why = refusal(codec.call("price", &BTreeMap::from([("peices", 3)])));
        assert!(why.contains("there is no parameter peices; it takes pieces, each, discount"), "{codec:?}: {why}");
    }
}

#[test]
fn an_argument_of_the_wrong_type_is_named() {
    for codec in Codec::ALL {
        let why = refusal(codec.call("price", &(3, "dear")));
        assert!(why.contains("argument each: "), "{codec:?}: {why}");
        let why = refusal(codec.call("price", &(-3, 1.0)));
        assert!(why.contains("argument pieces: "), "{codec:?}: {why}");
        let why = refusal(codec.call("price", &BTreeMap::from([("pieces", "three")])));
        assert!(why.contains("argument pieces: "), "{codec:?}: {why}");
    }
}

#[test]
fn what_is_neither_a_list_nor_a_map_is_refused_with_what_is_taken() {
    for codec in Codec::ALL {
        for why in [refusal(codec.call("price", &7)), refusal(codec.call("price", &"seven"))] {
            assert!(why.contains("a list of arguments, or a map of them by name"), "{codec:?}: {why}");
            assert!(why.contains("pieces, each, discount"), "{codec:?}: {why}");
        }
    }
}

#[test]
fn a_function_without_parameters_takes_an_empty_list_or_map() {
    for codec in Codec::ALL {
        assert_eq!(codec.output::<_, String>("no_arguments", &[0_u8; 0]), "none", "{codec:?}");
        assert_eq!(codec.output::<_, String>("no_arguments", &BTreeMap::<String, u8>::new()), "none", "{codec:?}");
    }
}

#[test]
fn an_unknown_function_is_refused_by_name() {
    assert_eq!(refusal(Codec::Json.call("prize", &[1])), "there is no function prize");
}

#[test]
fn the_schema_says_how_many_arguments_there_must_be() {
    let functions = au_guest::functions();
    let schema = |name: &str| -> serde_json::Value {
        let function = functions.iter().find(|function| function.name == name).unwrap();
        serde_json::from_str(function.input_schema.as_ref().unwrap()).unwrap()
    };
    let counts = |name| (schema(name)["minItems"].as_u64().unwrap(), schema(name)["maxItems"].as_u64().unwrap());
    assert_eq!(counts("price"), (2, 3));
    assert_eq!(counts("first_may_be_missing"), (2, 2));
    assert_eq!(counts("no_arguments"), (0, 0));
    assert_eq!(schema("price")["prefixItems"][1]["title"], "each");
}
