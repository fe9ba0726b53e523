//! Where in a trace something was asked for, as W3C Trace Context writes it. Text to type and back; who makes traces is `otel`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A `traceparent` (W3C Trace Context): the trace, and the span in it, that something is part of.
///
/// ```
/// # use au_host::TraceParent;
/// let parent: TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// assert_eq!(parent.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// # Ok::<(), au_host::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// Length of its text in the version that is known here.
const LENGTH: usize = 55;
/// Longest text of a later version that is looked at.
const LONGEST: usize = 256;

impl TraceParent {
    /// Of its parts; `None` where the trace or the span has no id.
    #[must_use]
    pub fn new(trace: [u8; 16], span: [u8; 8], flags: u8) -> Option<Self> {
        (trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span, flags })
    }

    /// The id of the trace.
    #[must_use]
    pub fn trace(&self) -> [u8; 16] {
        self.trace
    }

    /// The id of the span.
    #[must_use]
    pub fn span(&self) -> [u8; 8] {
        self.span
    }

    /// The flags: 1 says that whoever made it records it.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", hex::encode(self.trace), hex::encode(self.span), self.flags)
    }
}

impl FromStr for TraceParent {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        read(text).ok_or_else(|| Error::invalid("traceparent", "it is not as W3C Trace Context has it"))
    }
}

/// Of a version that is not known, what the first one had is read, and the rest is not.
fn read(text: &str) -> Option<TraceParent> {
    let more = text.get(LENGTH..)?;
    let parts: Vec<_> = text.get(..LENGTH)?.split('-').collect();
    let [version, trace, span, flags] = *parts else { return None };
    let [version] = digits(version)?;
    let fits = if version == 0 { more.is_empty() } else { more.is_empty() || more.starts_with('-') };
    if version == 0xff || !fits || text.len() > LONGEST {
        return None;
    }
    let [flags] = digits(flags)?;
    TraceParent::new(digits(trace)?, digits(span)?, flags)
}

/// Exactly so many bytes in hexadecimal, in lower case.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

impl TryFrom<String> for TraceParent {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<TraceParent> for String {
    fn from(parent: TraceParent) -> Self {
        parent.to_string()
    }
}

/// A `tracestate` (W3C Trace Context): what those who make traces say to one another along the way. Nothing here reads it; it goes
/// on with the trace, in jobs and from host to host.
///
/// Its text is that of its entries, which are valid each, with a comma between.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceState(String);

/// Most entries of a state.
const ENTRIES: usize = 32;
/// Longest key, and longest value.
const PART: usize = 256;
/// Bytes of a state that are kept: the specification wants so many to be handed on.
const STATE: usize = 512;
/// Entries that are longer than this are the first to go where there is not room for all.
const LONG: usize = 128;

impl TraceState {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TraceState {
    type Err = Error;

    /// Of one that is longer than is handed on, what is left of it by the rules of the specification.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("tracestate", "it is not as W3C Trace Context has it");
        let entries = text.split(',').map(|entry| entry.trim_matches([' ', '\t'])).filter(|entry| !entry.is_empty());
        let mut entries: Vec<_> = entries.take(ENTRIES + 1).collect();
        if entries.is_empty() || entries.len() > ENTRIES || !entries.iter().all(|entry| is_entry(entry)) {
            return Err(wrong());
        }
        if length(&entries) > STATE {
            entries.retain(|entry| entry.len() <= LONG);
        }
        while length(&entries) > STATE {
            entries.pop();
        }
        if entries.is_empty() { Err(wrong()) } else { Ok(Self(entries.join(","))) }
    }
}

fn length(entries: &[&str]) -> usize {
    entries.iter().map(|entry| entry.len() + 1).sum::<usize>().saturating_sub(1)
}

fn is_entry(entry: &str) -> bool {
    entry.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

/// A vendor's name, or a tenant's of up to 241 bytes and a vendor's of up to 14.
fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let name = |name: &str, most: usize| {
        name.len() <= most && name.starts_with(plain) && name.chars().all(|c| plain(c) || "_-*/".contains(c))
    };
    match key.split_once('@') {
        Some((tenant, vendor)) => name(tenant, 241) && name(vendor, 14),
        None => name(key, PART),
    }
}

fn is_value(value: &str) -> bool {
    let printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    (1..=PART).contains(&value.len()) && !value.ends_with(' ') && value.bytes().all(printable)
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TraceState {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<TraceState> for String {
    fn from(state: TraceState) -> Self {
        state.0
    }
}

/// A place in a trace, with what its makers say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace, and the span in it.
    pub parent: TraceParent,
    /// What goes on with it.
    pub state: Option<TraceState>,
}

impl TraceContext {
    /// As its two texts have it: a state without a parent is of nothing, and one that is wrong is as none.
    #[must_use]
    pub fn read(parent: &str, state: Option<&str>) -> Option<Self> {
        let parent = parent.parse().ok()?;
        Some(Self { parent, state: state.and_then(|state| state.parse().ok()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for wrong in [
            "",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-more"),
            &format!("{GOOD}0"),
            &GOOD.to_uppercase(),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace('7', "x"),
            &GOOD.replace('-', "_"),
            &"é".repeat(40),
            &format!("01{}-{}", &GOOD[2..], "x".repeat(300)),
        ] {
            assert!(wrong.parse::<TraceParent>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_told_as_it_was_read_and_a_later_version_as_far_as_it_is_known() {
        let parent: TraceParent = GOOD.parse().unwrap();
        assert_eq!(parent.to_string(), GOOD);
        assert_eq!(serde_json::to_string(&parent).unwrap(), format!("\"{GOOD}\""));
        assert_eq!(serde_json::from_str::<TraceParent>(&format!("\"{GOOD}\"")).unwrap(), parent);
        assert_eq!(format!("01{}-more", &GOOD[2..]).parse::<TraceParent>().unwrap(), parent);
    }

    #[test]
    fn a_state_is_told_as_it_was_read_but_for_blanks_and_empty_entries() {
        for (text, read) in [
            ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"),
            (" rojo=00f067aa0ba902b7 ,, congo=t61 \t", "rojo=00f067aa0ba902b7,congo=t61"),
            ("t@v=1,0_-*/=~!{}", "t@v=1,0_-*/=~!{}"),
        ] {
            assert_eq!(text.parse::<TraceState>().unwrap().as_str(), read);
        }
        let most = (0..32).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(most.parse::<TraceState>().unwrap().as_str(), most);
        assert!(format!("{most},k=v").parse::<TraceState>().is_err());
    }

    #[test]
    fn what_is_no_state_is_refused_as_a_whole() {
        let (key, value) = ("k".repeat(257), "v".repeat(257));
        for wrong in [
            "",
            ",",
            "k",
            "k=",
            "=v",
            "K=v",
            "k=v,K=v",
            "k=a=b",
            "k =v",
            "@v=1",
            "t@=1",
            "t@v@w=1",
            "t@averylongvendor=1",
            "k=\u{e4}",
            "k=\u{7f}",
            "_k=v",
            &format!("{key}=v"),
            &format!("k={value}"),
        ] {
            assert!(wrong.parse::<TraceState>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_a_state_that_is_too_long_its_long_entries_go_first_and_then_its_last() {
        let (long, short) = (format!("long={}", "v".repeat(200)), "v".repeat(90));
        let entries: Vec<_> = (0..6).map(|n| format!("k{n}={short}")).collect();
        let state: TraceState = format!("{long},{}", entries.join(",")).parse().unwrap();
        assert_eq!(state.as_str(), entries[..5].join(","));
        let state: TraceState = format!("{long},{}", entries[..3].join(",")).parse().unwrap();
        assert_eq!(state.as_str(), format!("{long},{}", entries[..3].join(",")), "all of it fits");
        assert_eq!(state.to_string().parse::<TraceState>().unwrap(), state);
    }

    #[test]
    fn a_state_is_of_its_parent_alone() {
        assert_eq!(TraceContext::read("x", Some("k=v")), None);
        let context = TraceContext::read(GOOD, Some("=")).unwrap();
        assert_eq!((context.parent, context.state), (GOOD.parse().unwrap(), None));
    }
}
