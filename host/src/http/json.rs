//! Whether bytes are JSON, without keeping any of it. Objects and arrays within each other are counted, up to 128.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::problem::{Problem, Result};
use crate::error::{Error, Misuse};

/// That these bytes are one value of JSON; if not, the place where they are not.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    let read = serde_json::from_slice::<Sound>(bytes);
    read.map(|Sound| ())
        .map_err(|error| Problem(Error::request(Misuse::BadJson, format!("the body is no JSON: {error}"))))
}

struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        // Any, and not ignored: what is ignored is not looked at closely.
        from.deserialize_any(Sound)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Sound;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Sound, A::Error> {
        while seq.next_element::<Sound>()?.is_some() {}
        Ok(Sound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Sound, A::Error> {
        while map.next_entry::<Sound, Sound>()?.is_some() {}
        Ok(Sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_from_what_only_looks_like_it() {
        for good in ["[]", "{\"a\":[1,-2.5e3,\"\\u00e4\",null,true]}", " 1 ", "\"\"", "18446744073709551616"] {
            check(good.as_bytes()).unwrap();
        }
        let deep = "[".repeat(100_000);
        for bad in ["", "[1,]", "{a:1}", "NaN", "1e400", "\"\\ud800\"", "\u{feff}[]", "[] []", &deep] {
            assert!(check(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(20)]);
        }
        assert!(check(b"\"\xff\"").is_err());
    }

    #[test]
    fn the_place_of_the_mistake_is_told() {
        assert!(check(b"[1,\n 2,,]").unwrap_err().0.to_string().contains("line 2 column 4"));
    }
}
