//! `backend` and `[backends.NAME]` of `au-host.toml`: where attempts run.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use au_host::Error;
use au_host::backend::{BackendSpec, Backends, RouteSpec, Rule};

/// A backend besides the one that runs most.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackendSection {
    url: String,
    /// How much it gets of what it is for, beside others.
    #[serde(default = "one")]
    weight: NonZeroU16,
    /// Patterns of `MODULE/FUNCTION` that it is for; none: all.
    #[serde(default)]
    functions: Vec<String>,
    /// Labels of the jobs that it is for.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Of a host elsewhere, in place of `AU_BACKEND_TOKEN`.
    token: Option<String>,
}

impl std::fmt::Debug for BackendSection {
    /// All but the token, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendSection").field("url", &self.url).finish_non_exhaustive()
    }
}

fn one() -> NonZeroU16 {
    NonZeroU16::MIN
}

/// Where attempts run: those of the sections where they are for them, and the rest at `url`.
pub(crate) fn backends(
    url: Option<&str>,
    token: Option<&str>,
    sections: &BTreeMap<String, BackendSection>,
) -> Result<Backends, Error> {
    let token = token.filter(|token| !token.is_empty());
    let spec = |url: &str, own: Option<&str>| {
        let url = url.parse()?;
        Ok::<_, Error>(BackendSpec { url, token: own.or(token).map(str::to_owned) })
    };
    let rest = url.filter(|url| !url.is_empty()).map_or_else(|| Ok(BackendSpec::default()), |url| spec(url, None))?;
    let route = |(name, section): (&String, &BackendSection)| {
        let BackendSection { url, weight, functions, labels, token } = section;
        let backend = spec(url, token.as_deref())?;
        let rule = Rule { functions: functions.clone(), labels: labels.clone() };
        Ok(RouteSpec { name: name.clone(), backend, rule, weight: weight.get().into() })
    };
    let routes = sections.iter().map(route).collect::<Result<_, Error>>()?;
    Ok(Backends { rest, routes })
}
