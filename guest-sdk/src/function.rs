//! What a marked function is: how it is called, and how it describes itself.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::bytes::Payload;
use crate::failure::Failure;
use crate::input::Input;

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
    pub parameters: fn(&mut SchemaGenerator) -> Vec<Parameter>,
    /// The output.
    pub output: fn(&mut SchemaGenerator) -> Schema,
}

/// A parameter.
#[derive(Debug)]
pub struct Parameter {
    name: &'static str,
    schema: Schema,
    optional: bool,
}

/// A parameter of type `T`.
pub fn parameter<T: JsonSchema>(generator: &mut SchemaGenerator, name: &'static str, optional: bool) -> Parameter {
    Parameter { name, schema: generator.subschema_for::<T>(), optional }
}

/// What a module says of one of its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name it is called by.
    pub name: String,
    /// One line on what it does; may be empty.
    pub summary: String,
    /// JSON schema (2020-12) of the input: a list with one entry per parameter.
    pub input_schema: String,
    /// JSON schema (2020-12) of the output.
    pub output_schema: String,
}

impl Function {
    pub(crate) fn describe(&self) -> Described {
        let mut generator = generator();
        let parameters = (self.parameters)(&mut generator);
        let mut input = input(parameters);
        define(&mut input, generator);
        let mut generator = self::generator();
        let mut output = object((self.output)(&mut generator));
        define(&mut output, generator);
        Described {
            name: self.name.into(),
            summary: self.summary.into(),
            input_schema: Value::Object(input).to_string(),
            output_schema: Value::Object(output).to_string(),
        }
    }
}

fn generator() -> SchemaGenerator {
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

fn define(schema: &mut Map<String, Value>, mut generator: SchemaGenerator) {
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        schema.insert("$defs".into(), Value::Object(definitions));
    }
}
