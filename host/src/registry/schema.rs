//! Holds an input against a function's schema, and says in plain words what does not fit.
//!
//! The schema is the guest's, so it is made harmless first (`inline.rs`), and its patterns run on a linear-time engine. The
//! guest looks at its input anyway: this is for a better message, and to fail before anything runs.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::function::Function;
use super::inline::inline;
use super::signature::{self, Parameter};
use super::suggest::nearest;
use crate::error::{Error, Result};
use crate::failure::clean;
use crate::payload::Payload;

const SHOWN: usize = 256;

/// A function's input schema, ready to be used many times. Making one takes longer than many a call: keep it.
#[derive(Debug)]
pub struct Checker {
    call: String,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// Nothing is known.
    Any,
    /// One entry per parameter; none where everything is accepted.
    Arguments(Vec<(Parameter, Option<Validator>)>),
    /// A schema of another form.
    Whole(Validator),
}

impl Checker {
    /// Reads the schema of `function`. One that is itself not valid accepts everything.
    #[must_use]
    pub fn of(function: &Function) -> Self {
        Self { call: signature::call(function), shape: function.input_schema.as_ref().map_or(Shape::Any, shape) }
    }

    /// Whether the function can be called with this input: JSON, a list of arguments or an object of them by name. What is
    /// not JSON is not looked at.
    ///
    /// # Errors
    /// `Invalid`, saying which argument is wrong and what was expected.
    pub fn check(&self, input: &Payload) -> Result<()> {
        if matches!(self.shape, Shape::Any) || !input.is_json() {
            return Ok(());
        }
        let value: Value =
            serde_json::from_slice(input.bytes()).map_err(|error| wrong(format!("it is not JSON: {error}")))?;
        match &self.shape {
            Shape::Any => Ok(()),
            Shape::Whole(validator) => {
                validator.validate(&value).map_err(|error| wrong(format!("{}: {}", self.call, shown(&error))))
            }
            Shape::Arguments(parameters) => self.arguments(parameters, &value),
        }
    }

    fn arguments(&self, parameters: &[(Parameter, Option<Validator>)], input: &Value) -> Result<()> {
        match input {
            Value::Array(arguments) => {
                self.count(parameters, arguments.len())?;
                parameters.iter().zip(arguments).enumerate().try_for_each(|(at, ((parameter, validator), argument))| {
                    self.argument(at, parameter, validator.as_ref(), argument)
                })
            }
            Value::Object(arguments) => {
                self.names(parameters, arguments)?;
                parameters.iter().enumerate().try_for_each(|(at, (parameter, validator))| {
                    match arguments.get(&parameter.name) {
                        Some(argument) => self.argument(at, parameter, validator.as_ref(), argument),
                        // What is left out by name is read as null, so that an option may be missing at any place.
                        None if parameter.required
                            && !validator.as_ref().is_some_and(|it| it.is_valid(&Value::Null)) =>
                        {
                            Err(wrong(format!("argument {} `{}` of {} is missing", at + 1, parameter.name, self.call)))
                        }
                        None => Ok(()),
                    }
                })
            }
            other => Err(wrong(format!(
                "{} takes a list of arguments, or an object of them by name, and got {}",
                self.call,
                clean(&other.to_string(), SHOWN)
            ))),
        }
    }

    fn count(&self, parameters: &[(Parameter, Option<Validator>)], got: usize) -> Result<()> {
        let most = parameters.len();
        let least = parameters.iter().filter(|(parameter, _)| parameter.required).count();
        if (least..=most).contains(&got) {
            return Ok(());
        }
        let plural = if most == 1 { "" } else { "s" };
        let takes = if least == most { most.to_string() } else { format!("{least} to {most}") };
        Err(wrong(format!("{} takes {takes} argument{plural}, got {got}", self.call)))
    }

    fn names(
        &self,
        parameters: &[(Parameter, Option<Validator>)],
        given: &serde_json::Map<String, Value>,
    ) -> Result<()> {
        let known = || parameters.iter().map(|(parameter, _)| parameter.name.as_str());
        let Some(unknown) = given.keys().find(|name| !known().any(|known| known == *name)) else {
            return Ok(());
        };
        let near = nearest(unknown, known()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        Err(wrong(format!("{} has no parameter `{}`{near}", self.call, clean(unknown, SHOWN))))
    }

    fn argument(
        &self,
        at: usize,
        parameter: &Parameter,
        validator: Option<&Validator>,
        argument: &Value,
    ) -> Result<()> {
        let why = match validator.map(|validator| validator.validate(argument)) {
            Some(Err(error)) => shown(&error),
            // By JSON Schema 1e3 is an integer; what reads integers in a guest takes none that is written so.
            _ if argument.is_f64() && parameter.is_integer() => format!("{argument} is not written as an integer"),
            _ => return Ok(()),
        };
        Err(wrong(format!("argument {} `{}` of {}: {why}", at + 1, parameter.name, self.call)))
    }
}

fn shape(schema: &Value) -> Shape {
    match signature::parameters(schema) {
        Some(parameters) => {
            let items = schema.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let validators = items.iter().map(|item| validator(&inline(schema, item)));
            Shape::Arguments(parameters.into_iter().zip(validators).collect())
        }
        None => validator(&inline(schema, schema)).map_or(Shape::Any, Shape::Whole),
    }
}

fn validator(schema: &Value) -> Option<Validator> {
    let options = jsonschema::draft202012::options().with_pattern_options(PatternOptions::regex()).build(schema);
    options.inspect_err(|error| tracing::debug!(%error, "a function's schema is not valid")).ok()
}

fn shown(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().as_str();
    let at = if path.is_empty() { String::new() } else { format!("at {}: ", clean(path, SHOWN)) };
    format!("{at}{}", clean(&error.to_string(), SHOWN))
}

fn wrong(why: String) -> Error {
    Error::invalid("input", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn function(input: Value) -> Function {
        Function {
            name: "add".into(),
            summary: String::new(),
            input_schema: Some(input),
            output_schema: Some(json!({ "type": "integer" })),
        }
    }

    fn add() -> Function {
        function(json!({
            "type": "array",
            "prefixItems": [{ "title": "x", "type": "integer" }, { "title": "y", "type": "integer" }],
            "minItems": 2,
            "maxItems": 2,
        }))
    }

    fn says(function: &Function, input: Value) -> String {
        match function.check(&Payload::json(&input).unwrap()) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_fits_passes_by_place_and_by_name() {
        assert_eq!(says(&add(), json!([1, 2])), "");
        assert_eq!(says(&add(), json!({ "y": 1, "x": 2 })), "");
    }

    #[test]
    fn a_wrong_type_names_the_argument_and_what_was_expected() {
        assert_eq!(
            says(&add(), json!([1, "a"])),
            r#"input is not valid: argument 2 `y` of add(x: integer, y: integer): "a" is not of type "integer""#
        );
    }

    #[test]
    fn a_number_that_is_not_written_as_an_integer_is_none() {
        for (wrong, shown) in [("1e3", "1000.0"), ("1e30", "1e+30"), ("2.0", "2.0")] {
            let wrong: Value = serde_json::from_str(wrong).unwrap();
            let expected =
                format!("argument 2 `y` of add(x: integer, y: integer): {shown} is not written as an integer");
            assert_eq!(says(&add(), json!([1, wrong])), format!("input is not valid: {expected}"));
        }
        let number = function(json!({ "prefixItems": [{ "title": "n", "type": "number" }], "minItems": 1 }));
        assert_eq!(says(&number, json!([1e3])), "");
    }

    #[test]
    fn a_wrong_count_says_how_many_it_takes() {
        assert_eq!(
            says(&add(), json!([1])),
            "input is not valid: add(x: integer, y: integer) takes 2 arguments, got 1"
        );
        let one =
            function(json!({ "prefixItems": [{ "title": "n", "type": "integer" }], "minItems": 1, "maxItems": 1 }));
        assert_eq!(says(&one, json!([1, 2, 3])), "input is not valid: add(n: integer) takes 1 argument, got 3");
        let none = function(json!({ "type": "array", "maxItems": 0 }));
        assert_eq!(says(&none, json!([1])), "input is not valid: add() takes 0 arguments, got 1");
        assert_eq!(says(&none, json!([])), "");
    }

    #[test]
    fn a_wrong_name_suggests_the_right_one() {
        let names = function(json!({ "prefixItems": [{ "title": "count", "type": "integer" }], "minItems": 1 }));
        assert_eq!(
            says(&names, json!({ "cuont": 1 })),
            "input is not valid: add(count: integer) has no parameter `cuont`; did you mean `count`?"
        );
        assert_eq!(says(&names, json!({})), "input is not valid: argument 1 `count` of add(count: integer) is missing");
    }

    #[test]
    fn an_option_may_be_left_out_by_name_wherever_it_stands() {
        let option_first = function(json!({
            "prefixItems": [{ "title": "note", "type": ["string", "null"] }, { "title": "count", "type": "integer" }],
            "minItems": 2,
        }));
        assert_eq!(says(&option_first, json!({ "count": 1 })), "");
        assert!(says(&option_first, json!({ "note": "x" })).contains("argument 2 `count`"));
        assert!(says(&option_first, json!([1])).contains("takes 2 arguments, got 1"));
    }

    #[test]
    fn what_is_not_json_and_what_has_no_schema_passes() {
        let raw = Payload::new(crate::OCTETS, vec![1, 2]).unwrap();
        assert!(add().check(&raw).is_ok());
        let unknown = Function { input_schema: None, ..add() };
        assert_eq!(says(&unknown, json!("anything")), "");
    }

    #[test]
    fn a_signature_reads_as_it_would_be_written() {
        assert_eq!(add().signature(), "add(x: integer, y: integer) -> integer");
        let many = function(json!({
            "prefixItems": [
                { "title": "points", "type": "array", "items": { "$ref": "#/$defs/Point" } },
                { "title": "limit", "type": ["integer", "null"] },
            ],
            "minItems": 1,
        }));
        assert_eq!(many.signature(), "add(points: Point[], limit?: integer | null) -> integer");
    }

    #[test]
    fn a_hostile_schema_neither_hangs_nor_ends_the_host() {
        let deep = (0..100).fold(json!(1), |inner, _| json!({ "a": inner, "b": 1 }));
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }], "properties": { "a": { "$ref": "#" } } }),
            json!({ "prefixItems": [{ "anyOf": [{ "properties": { "a": { "$ref": "#/prefixItems/0" } } }, { "properties": { "a": { "$ref": "#/prefixItems/0" } } }], "title": "x" }] }),
            json!({ "prefixItems": [{ "pattern": "(a*)*$" }, { "pattern": "(?=x)" }, { "type": "nonsense" }] }),
        ] {
            let hostile = function(schema);
            for input in [deep.clone(), json!([deep]), json!(["a".repeat(100_000)]), json!([1, "x", 2])] {
                let _ = hostile.check(&Payload::json(&input).unwrap());
            }
        }
    }
}
