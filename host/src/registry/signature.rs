//! Writes a function down as a person would, from its schemas.

use serde_json::Value;

use super::function::Function;
use crate::failure::clean;

const NAME_LIMIT: usize = 64;
const CHOICES: usize = 5;
const DEPTH: usize = 4;

/// `add(x: integer, y: integer) -> integer`; only the name, if there is no schema.
pub(super) fn signature(function: &Function) -> String {
    let input = call(function);
    match &function.output_schema {
        Some(schema) => format!("{input} -> {}", kind(schema, DEPTH)),
        None => input,
    }
}

/// `add(x: integer, y: integer)`.
pub(super) fn call(function: &Function) -> String {
    let name = clean(&function.name, NAME_LIMIT);
    let Some(parameters) = function.input_schema.as_ref().and_then(parameters) else { return name };
    let listed: Vec<_> = parameters.iter().map(Parameter::to_string).collect();
    format!("{name}({})", listed.join(", "))
}

/// A parameter, as its schema describes it.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) required: bool,
}

impl Parameter {
    /// Whether it takes integers and no other numbers.
    pub(super) fn is_integer(&self) -> bool {
        let mut kinds = self.kind.split(" | ");
        kinds.clone().any(|kind| kind == "integer") && kinds.all(|kind| ["integer", "null"].contains(&kind))
    }
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let optional = if self.required { "" } else { "?" };
        write!(f, "{}{optional}: {}", self.name, self.kind)
    }
}

/// The parameters of an input schema, unless it is not a list of arguments.
pub(super) fn parameters(input: &Value) -> Option<Vec<Parameter>> {
    // No parameters is written without `prefixItems`, which must not be empty (JSON Schema 2020-12, core 10.3.1.1).
    let none = Vec::new();
    let items = match input.get("prefixItems") {
        Some(items) => items.as_array()?,
        None if input.get("maxItems")?.as_u64()? == 0 => &none,
        None => return None,
    };
    let required = input.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    let parameter = |(at, schema): (usize, &Value)| Parameter {
        name: schema
            .get("title")
            .and_then(Value::as_str)
            .map_or_else(|| format!("arg{}", at + 1), |name| clean(name, NAME_LIMIT)),
        kind: kind(schema, DEPTH),
        required: (at as u64) < required,
    };
    Some(items.iter().enumerate().map(parameter).collect())
}

/// What a value is, in a word or two.
fn kind(schema: &Value, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else { return "any".into() };
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        return clean(name, NAME_LIMIT);
    }
    if let Some(value) = schema.get("const") {
        return clean(&value.to_string(), NAME_LIMIT);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return choices(values, |value| clean(&value.to_string(), NAME_LIMIT));
    }
    for either in ["anyOf", "oneOf"] {
        if let Some(schemas) = schema.get(either).and_then(Value::as_array) {
            return choices(schemas, |schema| kind(schema, depth));
        }
    }
    match schema.get("type") {
        Some(Value::String(name)) => named(name, schema, depth),
        Some(Value::Array(names)) => choices(names, |name| named(name.as_str().unwrap_or("any"), schema, depth)),
        _ => "any".into(),
    }
}

fn named(name: &str, schema: &Value, depth: usize) -> String {
    match (name, schema.get("items")) {
        ("array", Some(items)) => match kind(items, depth) {
            several if several.contains(' ') => format!("({several})[]"),
            one => format!("{one}[]"),
        },
        _ => clean(name, NAME_LIMIT),
    }
}

fn choices(all: &[Value], show: impl Fn(&Value) -> String) -> String {
    let mut shown: Vec<_> = all.iter().take(CHOICES).map(show).collect();
    shown.dedup();
    if all.len() > CHOICES {
        shown.push("…".into());
    }
    shown.join(" | ")
}
