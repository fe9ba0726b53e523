//! Parameters and outputs as JSON schemas (2020-12), by schemars.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::function::{Described, Function};
use crate::input::{Slots, is_optional};

pub(crate) use schemars::{Schema, SchemaGenerator as Generator};

/// A type that can be described.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be described to callers of a job: it has no `schemars::JsonSchema`",
    label = "has no schema",
    note = "derive it for this type and all that is in it: `#[derive(schemars::JsonSchema)]`",
    note = "or do without schemas: `au-guest` with `default-features = false, features = [\"json\"]`"
)]
pub trait Describe: JsonSchema {}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> Describe for T {}

/// The schema of a type.
pub fn schema<T: Describe>(generator: &mut Generator) -> Schema {
    generator.subschema_for::<T>()
}

/// A parameter.
#[derive(Debug)]
pub struct Parameter {
    name: &'static str,
    schema: Schema,
    optional: bool,
}

/// The parameter number `at`, of type `T`.
pub fn parameter<S: Slots, T: Describe>(generator: &mut Generator, name: &'static str, at: usize) -> Parameter {
    Parameter { name, schema: schema::<T>(generator), optional: is_optional::<S>(at) }
}

pub(crate) fn describe(function: &Function) -> Described {
    let mut generator = generator();
    let parameters = (function.parameters)(&mut generator);
    let mut input = input(parameters);
    define(&mut input, generator);
    let mut generator = self::generator();
    let mut output = object((function.output)(&mut generator));
    define(&mut output, generator);
    Described {
        name: function.name.into(),
        summary: function.summary.into(),
        input_schema: Some(Value::Object(input).to_string()),
        output_schema: Some(Value::Object(output).to_string()),
    }
}

fn generator() -> Generator {
    SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None).into_generator()
}

fn input(parameters: Vec<Parameter>) -> Map<String, Value> {
    let mut schema = Map::new();
    let required = parameters.iter().rposition(|parameter| !parameter.optional).map_or(0, |last| last + 1);
    let (least, most) = (required, parameters.len());
    schema.insert("type".into(), "array".into());
    if most > 0 {
        schema.insert("prefixItems".into(), parameters.into_iter().map(Parameter::titled).collect());
    }
    schema.insert("minItems".into(), least.into());
    schema.insert("maxItems".into(), most.into());
    schema
}

impl Parameter {
    /// Its schema, with its name in it.
    fn titled(self) -> Value {
        let mut schema = object(self.schema);
        schema.insert("title".into(), self.name.into());
        Value::Object(schema)
    }
}

/// `true` is written as a schema that allows everything.
fn object(schema: Schema) -> Map<String, Value> {
    match schema.to_value() {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn define(schema: &mut Map<String, Value>, mut generator: Generator) {
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        schema.insert("$defs".into(), Value::Object(definitions));
    }
}
