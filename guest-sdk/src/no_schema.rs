//! What stands in for schemas in a module that has none, to be small.

use crate::function::{Described, Function};
use crate::input::Slots;

/// A type that need not be described.
pub trait Describe {}

impl<T> Describe for T {}

/// Describes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Generator;

/// Nothing is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Schema;

/// Nothing is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Parameter;

/// The schema of a type: none.
pub fn schema<T: Describe>(_: &mut Generator) -> Schema {
    Schema
}

/// A parameter: nothing.
pub fn parameter<S: Slots, T: Describe>(_: &mut Generator, _: &'static str, _: usize) -> Parameter {
    Parameter
}

pub(crate) fn describe(function: &Function) -> Described {
    Described { name: function.name.into(), summary: function.summary.into(), input_schema: None, output_schema: None }
}
