//! Values of any shape, through every codec and back.

use std::collections::BTreeMap;

use au_guest::{Bytes, async_compute, call};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Codec;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Everything {
    truth: bool,
    small: (u8, i8, u16, i16),
    whole: (u32, i32, u64, i64),
    huge: (u128, i128),
    fractions: (f32, f64),
    letter: char,
    text: String,
    bytes: Bytes,
    unit: (),
    maybe: Option<Option<u32>>,
    shapes: Vec<Shape>,
    named: BTreeMap<String, i64>,
    numbered: BTreeMap<u32, f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Shape {
    Point,
    Circle(f64),
    Line(i32, i32),
    Sheet { width: u64, note: Option<String> },
    Group(Vec<Shape>),
}

#[async_compute]
fn same(value: Everything, others: Vec<Shape>) -> (Everything, Vec<Shape>) {
    (value, others)
}

fn finite() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("JSON has no others", |number| number.is_finite())
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Point),
        finite().prop_map(Shape::Circle),
        any::<(i32, i32)>().prop_map(|(from, to)| Shape::Line(from, to)),
        (any::<u64>(), any::<Option<String>>()).prop_map(|(width, note)| Shape::Sheet { width, note }),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Shape::Group))
}

prop_compose! {
    fn everything()(
        (truth, small, whole, huge) in any::<(bool, (u8, i8, u16, i16), (u32, i32, u64, i64), (u128, i128))>(),
        single in any::<u32>().prop_map(f32::from_bits).prop_filter("JSON has no others", |number| number.is_finite()),
        double in finite(),
        (letter, text, bytes) in any::<(char, String, Vec<u8>)>(),
        maybe in any::<Option<u32>>(),
        shapes in prop::collection::vec(shape(), 0..4),
        named in prop::collection::btree_map(any::<String>(), any::<i64>(), 0..4),
        numbered in prop::collection::btree_map(any::<u32>(), finite(), 0..4),
    ) -> Everything {
        // `Some(None)` is not in: no codec tells it from `None`.
        let maybe = maybe.map(Some);
        Everything {
            truth, small, whole, huge, fractions: (single, double), letter, text, bytes: Bytes(bytes), unit: (), maybe,
            shapes, named, numbered,
        }
    }
}

proptest! {
    #[test]
    fn a_value_comes_back_as_it_went(value in everything(), others in prop::collection::vec(shape(), 0..3)) {
        for codec in Codec::ALL {
            let output: (Everything, Vec<Shape>) = codec.output("same", &(&value, &others));
            prop_assert_eq!(&output, &(value.clone(), others.clone()), "{:?}", codec);
        }
        // Structs as lists, as other MessagePack libraries write them.
        let compact = rmp_serde::to_vec(&(&value, &others)).unwrap();
        let output = call("same", "application/msgpack", &compact).unwrap();
        prop_assert_eq!(Codec::MessagePack.read::<(Everything, Vec<Shape>)>(&output.bytes), (value, others));
    }
}
