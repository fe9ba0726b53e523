//! What a marked function is: how it is called, and how it describes itself.

use crate::bytes::Payload;
use crate::failure::Failure;
use crate::input::Input;
use crate::schema::{Generator, Parameter, Schema};

/// A marked function. The macro makes a static of each.
#[derive(Debug)]
pub struct Function {
    /// The name it is called by.
    pub name: &'static str,
    /// The first line of its doc comment.
    pub summary: &'static str,
    /// Reads the input, runs it, writes the output.
    pub call: fn(Input<'_>) -> Result<Payload, Failure>,
    /// The parameters, in order.
    pub parameters: fn(&mut Generator) -> Vec<Parameter>,
    /// The output.
    pub output: fn(&mut Generator) -> Schema,
}

/// What a module says of one of its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name it is called by.
    pub name: String,
    /// One line on what it does; may be empty.
    pub summary: String,
    /// JSON schema (2020-12) of the input: a list with one entry per parameter. `None` without the feature `schema`.
    pub input_schema: Option<String>,
    /// JSON schema (2020-12) of the output. `None` without the feature `schema`.
    pub output_schema: Option<String>,
}
