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
}
