//! What a module says of one of its functions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::Checker;
use super::signature;
use crate::error::Result;
use crate::payload::Payload;

/// One thing a module offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// The name it is called by.
    pub name: String,
    /// One line on what it does; may be empty.
    #[serde(default)]
    pub summary: String,
    /// JSON schema (2020-12) of the input: an array with one entry per parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Value>,
    /// JSON schema (2020-12) of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
}

impl Function {
    /// The function as a person would write it down: `add(x: integer, y: integer) -> integer`.
    #[must_use]
    pub fn signature(&self) -> String {
        signature::signature(self)
    }

    /// How many parameters it has, if it says so.
    #[must_use]
    pub fn parameters(&self) -> Option<usize> {
        self.input_schema.as_ref().and_then(signature::parameters).map(|parameters| parameters.len())
    }

    /// Whether the function can be called with this input. Only JSON is looked at, and only if there is a schema. To check
    /// many inputs, keep a [`Checker`].
    ///
    /// # Errors
    /// `Invalid`, saying which argument is wrong and what was expected.
    pub fn check(&self, input: &Payload) -> Result<()> {
        Checker::of(self).check(input)
    }
}
