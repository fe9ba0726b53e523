//! Several backends as one: each attempt goes to one that is for it, by its function and the labels of its job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::{Backend, Context};
use crate::attempt::{Attempt, Report};
use crate::error::{Error, Result};

/// A backend, and what it is for.
#[derive(Debug)]
pub struct Route {
    /// What it is called where people read of it.
    pub name: String,
    /// The backend.
    pub backend: Arc<dyn Backend>,
    /// Which attempts it is for.
    pub rule: Rule,
    /// How much of what it is for it gets, beside others that are for that as well. At least 1.
    pub weight: usize,
}

/// Which attempts a backend is for: those of any of these functions, if it names any, whose job has all of these labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Patterns of `MODULE/FUNCTION`, where `*` is any text: `mnist/*`. A module is called what the job called it.
    pub functions: Vec<String>,
    /// Labels of jobs.
    pub labels: BTreeMap<String, String>,
}

impl Rule {
    /// Whether it is for this attempt.
    #[must_use]
    pub fn is_for(&self, attempt: &Attempt) -> bool {
        let labelled = self.labels.iter().all(|(name, value)| attempt.labels.get(name) == Some(value));
        labelled && (self.functions.is_empty() || self.names(attempt))
    }

    fn names(&self, attempt: &Attempt) -> bool {
        let module = attempt.module_name.as_deref().map_or_else(|| attempt.module.to_string(), str::to_owned);
        let called = format!("{module}/{}", attempt.function);
        self.functions.iter().any(|pattern| fits(pattern, &called))
    }
}

/// Whether a text is as a pattern says, in which `*` is any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Several backends as one.
#[derive(Debug)]
pub struct Routed {
    routes: Vec<Counted>,
    /// Runs what no other is for.
    rest: Arc<dyn Backend>,
}

#[derive(Debug)]
struct Counted {
    route: Route,
    /// Attempts that it has now.
    busy: AtomicUsize,
}

impl Counted {
    fn enter(&self) -> Entered<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }

    /// How busy it is for its weight: what is less gets more. One that has no room comes after all that have.
    fn load(&self) -> (bool, usize) {
        let busy = self.busy.load(Ordering::Relaxed);
        (busy >= self.route.backend.capacity(), (busy + 1).saturating_mul(1000) / self.route.weight.max(1))
    }
}

struct Entered<'a>(&'a Counted);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Routed {
    /// These, and `rest` for what none of them is for.
    #[must_use]
    pub fn new(routes: Vec<Route>, rest: Arc<dyn Backend>) -> Self {
        let routes = routes.into_iter().map(|route| Counted { route, busy: AtomicUsize::new(0) }).collect();
        Self { routes, rest }
    }

    /// Those that are for an attempt, the one that has least to do first.
    fn choices(&self, attempt: &Attempt) -> Vec<&Counted> {
        let mut choices: Vec<_> = self.routes.iter().filter(|route| route.route.rule.is_for(attempt)).collect();
        choices.sort_by_cached_key(|route| route.load());
        choices
    }
}

#[async_trait]
impl Backend for Routed {
    async fn execute(&self, attempt: Attempt, context: &Context) -> Result<Report> {
        let choices = self.choices(&attempt);
        let Some((last, others)) = choices.split_last() else { return self.rest.execute(attempt, context).await };
        for route in others {
            let _entered = route.enter();
            match route.route.backend.execute(attempt.clone(), context).await {
                // It was not run there; it may be elsewhere.
                Err(error @ (Error::Busy { .. } | Error::Unreachable { .. } | Error::ShuttingDown)) => {
                    tracing::warn!(backend = route.route.name, error = error.chain(), "another backend is tried");
                }
                ended => return ended,
            }
        }
        let _entered = last.enter();
        last.route.backend.execute(attempt, context).await
    }

    fn capacity(&self) -> usize {
        let routes = self.routes.iter().map(|route| route.route.backend.capacity());
        routes.fold(self.rest.capacity(), usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_all_else_is_itself() {
        for (pattern, text, is_fit) in [
            ("mnist/*", "mnist/train", true),
            ("mnist/*", "mnist2/train", false),
            ("*/train", "mnist/train", true),
            ("m*t/*n", "mnist/train", true),
            ("mnist/train", "mnist/train", true),
            ("mnist/train", "mnist/trains", false),
            ("*", "mnist/train", true),
            ("a*a", "a", false),
            ("mnist/tr*in*", "mnist/trn", false),
        ] {
            assert_eq!(fits(pattern, text), is_fit, "{pattern} {text}");
        }
    }
}
