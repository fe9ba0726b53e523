//! The parameters of a query: each is known, and said once unless it may be said often. What nobody asked for is a mistake, for
//! a limit with a typo in its name would be no limit.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::{Problem, Result};
use crate::error::{Error, Misuse};
use crate::id::shorten;
use crate::units;

/// The parameters that nobody has taken yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// Whether there are none, or none are left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All values of a parameter.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(known, _)| known == name);
        self.0 = left;
        taken.into_iter().map(|(_, value): (String, String)| value).collect()
    }

    /// The value of a parameter that is said once at most.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>> {
        let mut values = self.all(name);
        if values.len() > 1 {
            return Err(bad(format!("{name} is given {} times", values.len())));
        }
        Ok(values.pop())
    }

    /// The same, read as a type.
    pub(super) fn value<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>> {
        let read = |text: String| text.parse().map_err(|error: T::Err| wrong(name, &text, &error));
        self.text(name)?.map(read).transpose()
    }

    /// The same, of a span of time: `30s`, `2h`.
    pub(super) fn time(&mut self, name: &str) -> Result<Option<Duration>> {
        self.text(name)?.map(|text| units::time(&text).map_err(|why| wrong(name, &text, &why))).transpose()
    }

    /// The same, of something that is or is not: `?clock`, `?clock=true`.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool> {
        match self.text(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(text) => Err(wrong(name, text, &"it is neither true nor false")),
        }
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(bad(format!("there is no parameter {:?} here", shorten(name)))),
        }
    }
}

/// How many a page has: as many as were asked for, else the usual number; an error for more than the most.
pub(super) fn page(asked: Option<usize>, usual: usize, most: usize) -> Result<usize> {
    match asked {
        Some(limit) if !(1..=most).contains(&limit) => Err(bad(format!("limit={limit} is not between 1 and {most}"))),
        limit => Ok(limit.unwrap_or(usual)),
    }
}

fn wrong(name: &str, text: &str, why: &dyn Display) -> Problem {
    bad(format!("{name}={}: {why}", shorten(text)))
}

pub(super) fn bad(why: String) -> Problem {
    Problem(Error::request(Misuse::BadQuery, why))
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(problem: Problem) -> String {
        assert_eq!(problem.0.class().code, "bad_query");
        problem.0.to_string()
    }

    #[test]
    fn a_parameter_is_decoded_and_taken_once() {
        let mut query = Query::of("label=a%3D1&label=b&wait=1m+30s&clock");
        assert_eq!(query.all("label"), ["a=1", "b"]);
        assert_eq!(query.time("wait").unwrap(), Some(Duration::from_secs(90)));
        assert!(query.flag("clock").unwrap() && !query.flag("random").unwrap());
        query.end().unwrap();
    }

    #[test]
    fn what_is_unknown_doubled_or_no_such_value_is_named() {
        assert!(why(Query::of("tiemout=1").end().unwrap_err()).contains("tiemout"));
        assert!(why(Query::of("ttl=1s&ttl=2s").time("ttl").unwrap_err()).contains("2 times"));
        assert!(why(Query::of("fuel=x").value::<u64>("fuel").unwrap_err()).starts_with("fuel=x"));
        assert!(why(Query::of("clock=maybe").flag("clock").unwrap_err()).contains("neither"));
    }
}
