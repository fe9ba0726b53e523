//! Makes a guest's schema harmless: no references, no cycles, no more nodes than we are ready to evaluate.
//!
//! A schema comes from the guest and is evaluated by the host, and `{"$ref": "#"}` alone is enough to never come back.
//! Where it would go on without end, or refers to another document, whatever the caller gives is accepted: the guest
//! looks at its input itself.

use serde_json::{Map, Value};

const NODES: usize = 10_000;
const DEPTH: usize = 48;

/// Values in here are data, not schemas.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];
/// Values in here are named schemas.
const NAMED: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];
/// These change what a reference means, or hold what is only referred to.
const DROPPED: [&str; 9] = [
    "$defs",
    "definitions",
    "$id",
    "$schema",
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveRef",
    "$vocabulary",
];

/// The schema `part` of the document `root`, with all it refers to in its place.
pub(super) fn inline(root: &Value, part: &Value) -> Value {
    Inliner { root, left: NODES }.schema(part, 0)
}

struct Inliner<'a> {
    root: &'a Value,
    left: usize,
}

impl Inliner<'_> {
    fn schema(&mut self, schema: &Value, depth: usize) -> Value {
        let Some(left) = self.left.checked_sub(1).filter(|_| depth < DEPTH) else { return Value::Bool(true) };
        self.left = left;
        match schema {
            Value::Object(keywords) => self.keywords(keywords, depth + 1),
            Value::Array(schemas) => schemas.iter().map(|schema| self.schema(schema, depth + 1)).collect(),
            plain => plain.clone(),
        }
    }

    fn keywords(&mut self, keywords: &Map<String, Value>, depth: usize) -> Value {
        let mut out = Map::new();
        let mut referred = None;
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "$ref" => referred = Some(self.target(value, depth)),
                dropped if DROPPED.contains(&dropped) => {}
                data if DATA.contains(&data) => {
                    out.insert(keyword.clone(), value.clone());
                }
                named if NAMED.contains(&named) => {
                    out.insert(keyword.clone(), self.named(value, depth));
                }
                _ => {
                    out.insert(keyword.clone(), self.schema(value, depth));
                }
            }
        }
        match referred {
            None => Value::Object(out),
            Some(target) if out.is_empty() => target,
            // All of its own and all of the target holds; it may have an `allOf` of its own already.
            Some(target) => serde_json::json!({ "allOf": [target, out] }),
        }
    }

    fn named(&mut self, schemas: &Value, depth: usize) -> Value {
        let Value::Object(schemas) = schemas else { return schemas.clone() };
        schemas.iter().map(|(name, schema)| (name.clone(), self.schema(schema, depth))).collect::<Map<_, _>>().into()
    }

    // A cycle ends at `DEPTH`, or when the nodes are used up.
    fn target(&mut self, reference: &Value, depth: usize) -> Value {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        match pointer.and_then(|pointer| self.root.pointer(pointer)) {
            Some(target) => self.schema(target, depth),
            None => Value::Bool(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_is_replaced_by_what_it_refers_to() {
        let root = json!({
            "$defs": { "Point": { "type": "object", "properties": { "x": { "$ref": "#/$defs/X" } } }, "X": { "type": "number" } },
            "prefixItems": [{ "$ref": "#/$defs/Point" }],
        });
        let inlined = inline(&root, &root["prefixItems"][0]);
        assert_eq!(inlined, json!({ "type": "object", "properties": { "x": { "type": "number" } } }));
    }

    #[test]
    fn a_schema_without_end_ends() {
        for root in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }, { "$ref": "#" }] }),
            json!({ "properties": { "a": { "$ref": "#" }, "b": { "$ref": "#" } }, "anyOf": [{ "$ref": "#" }] }),
        ] {
            assert!(inline(&root, &root).to_string().len() < 100 * NODES);
        }
    }

    #[test]
    fn data_that_looks_like_a_schema_stays_as_it_is() {
        let root = json!({ "const": { "$ref": "#" }, "properties": { "$ref": { "type": "string" } } });
        assert_eq!(inline(&root, &root), root);
    }

    #[test]
    fn other_documents_are_never_read() {
        let root = json!({ "$ref": "file:///etc/passwd" });
        assert_eq!(inline(&root, &root), json!(true));
    }
}
