//! What a module says of its functions, checked: anybody may have written it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::bindings::Description;
use crate::error::{Error, Result};
use crate::failure::clean;
use crate::registry::Function;
use crate::sandbox::{Grants, Limits, Sandbox};

const FUNCTIONS: usize = 1_024;
const NAME_LIMIT: usize = 128;
const SUMMARY_LIMIT: usize = 1_024;
const SCHEMA_LIMIT: usize = 64 << 10;

/// What a module may use while it says what it has.
pub(super) fn sandbox() -> Sandbox {
    let limits = Limits {
        timeout: std::time::Duration::from_secs(5),
        output: 8 << 20,
        log_bytes: 4 << 10,
        log_lines: 16,
        ..Limits::default()
    };
    Sandbox { limits, grants: Grants::default() }
}

/// The functions, if all is well with them.
pub(super) fn functions(described: Vec<Description>) -> Result<Vec<Function>> {
    if described.len() > FUNCTIONS {
        return Err(refuse(
            "limit:functions",
            format!("it describes {} functions, {FUNCTIONS} are allowed", described.len()),
        ));
    }
    let functions: Vec<_> = described.into_iter().map(function).collect::<Result<_>>()?;
    let mut names = BTreeSet::new();
    match functions.iter().find(|function| !names.insert(&function.name)) {
        Some(twice) => Err(refuse("functions_invalid", format!("it describes {:?} twice", twice.name))),
        None => Ok(functions),
    }
}

fn function(described: Description) -> Result<Function> {
    let Description { name, summary, input_schema, output_schema } = described;
    let length = name.chars().take(NAME_LIMIT + 1).count();
    if length == 0 || length > NAME_LIMIT || name.chars().any(char::is_control) {
        let why = format!("{:?} is not a name of 1 to {NAME_LIMIT} characters", crate::id::shorten(&name));
        return Err(refuse("functions_invalid", why));
    }
    let input_schema = schema(&name, "input", input_schema)?;
    let output_schema = schema(&name, "output", output_schema)?;
    Ok(Function { name, summary: clean(&summary, SUMMARY_LIMIT), input_schema, output_schema })
}

fn schema(function: &str, of: &str, text: Option<String>) -> Result<Option<Value>> {
    let Some(text) = text else { return Ok(None) };
    if text.len() > SCHEMA_LIMIT {
        let why = format!("the {of} schema of {function} has {} bytes, {SCHEMA_LIMIT} are allowed", text.len());
        return Err(refuse("limit:schema", why));
    }
    let parsed = serde_json::from_str(&text);
    parsed
        .map(Some)
        .map_err(|error| refuse("functions_invalid", format!("the {of} schema of {function} is no JSON: {error}")))
}

pub(super) fn refuse(code: &str, why: impl Into<String>) -> Error {
    Error::Module { code: code.into(), why: why.into() }
}
