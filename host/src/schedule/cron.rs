//! When something is due again and again, as cron says it, in a time zone.

use std::fmt;
use std::str::FromStr as _;

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::shorten;
use crate::time::Timestamp;

/// Longest expression, in bytes.
const LONGEST: usize = 255;
/// Times that are passed one by one when a late look finds many; beyond that the last is looked for from its end.
const STEPS: usize = 100;

/// Times that come again and again: an expression of cron, and the time zone that it is meant in.
///
/// Five fields (minute, hour, day of the month, month, day of the week), or six with seconds before them, or seven with years after;
/// ranges, lists, steps, names, `L`, `W` and `#`; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. Where both days are
/// restricted, either will do, as in Vixie cron.
///
/// Where clocks are put forward, a fixed time that is skipped comes as soon as they were; where they are put back, one that is passed
/// twice comes once. What comes every so many minutes or hours goes by the time that truly passes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Cron {
    text: String,
    zone: String,
    cron: croner::Cron,
    in_zone: TimeZone,
}

#[derive(Serialize, Deserialize)]
struct Text {
    cron: String,
    #[serde(default = "utc")]
    zone: String,
}

fn utc() -> String {
    "UTC".into()
}

impl Cron {
    /// The times that `cron` says, in a time zone of the IANA database such as `Europe/Berlin`; `UTC` when in doubt.
    ///
    /// # Errors
    /// `Invalid` for what is no such expression, for one that never comes after `now`, and for a zone that nobody knows.
    pub fn new(cron: &str, zone: &str, now: Timestamp) -> Result<Self> {
        let cron = Self::read(cron, zone)?;
        match cron.next(now) {
            Some(_) => Ok(cron),
            None => Err(Error::invalid("schedule", format!("{:?} never comes", cron.text))),
        }
    }

    fn read(text: &str, zone: &str) -> Result<Self> {
        let wrong = |why: &dyn fmt::Display| Error::invalid("schedule", format!("{:?}: {why}", shorten(text)));
        if text.len() > LONGEST {
            return Err(wrong(&format!("longer than {LONGEST} bytes")));
        }
        let cron = croner::Cron::from_str(text).map_err(|error| {
            let error = error.to_string();
            wrong(&format!(
                "{}; cron is minute, hour, day, month, weekday: 0 3 * * MON-FRI",
                error.trim_end_matches('.')
            ))
        })?;
        let in_zone = TimeZone::get(zone).map_err(|_| {
            let why = format!("{:?} is no time zone; it is named as in Europe/Berlin, or UTC", shorten(zone));
            Error::invalid("schedule", why)
        })?;
        Ok(Self { text: text.to_owned(), zone: zone.to_owned(), cron, in_zone })
    }

    /// The expression.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of the time zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The first time after this one, if there is any.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&self.zoned(after)?, false).ok()?;
        Some(Timestamp::from_micros(found.timestamp().as_microsecond())).filter(|found| *found > after)
    }

    /// The last time after `after` that is not after `until`.
    #[must_use]
    pub fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let next = |after| self.next(after).filter(|next| *next <= until);
        let mut latest = next(after)?;
        for _ in 0..STEPS {
            match next(latest) {
                Some(later) => latest = later,
                None => return Some(latest),
            }
        }
        let last = self.cron.find_previous_occurrence(&self.zoned(until)?, true).ok()?;
        Some(Timestamp::from_micros(last.timestamp().as_microsecond()).max(latest))
    }

    fn zoned(&self, at: Timestamp) -> Option<Zoned> {
        // Cron counts seconds: what is left of one would hide that it has begun.
        let second = at.as_micros().div_euclid(1_000_000);
        Some(jiff::Timestamp::from_second(second).ok()?.to_zoned(self.in_zone.clone()))
    }
}

impl TryFrom<Text> for Cron {
    type Error = Error;

    fn try_from(Text { cron, zone }: Text) -> Result<Self> {
        Self::read(&cron, &zone)
    }
}

impl From<Cron> for Text {
    fn from(Cron { text, zone, .. }: Cron) -> Self {
        Self { cron: text, zone }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.text, self.zone)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn times(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let mut last = at(after);
        let cron = Cron::new(cron, zone, last).unwrap();
        let next = || {
            last = cron.next(last)?;
            Some(last.to_string().replace(".000000", ""))
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn times_come_as_cron_says_in_the_zone_that_is_named() {
        let noons = times("0 12 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", 2);
        assert_eq!(noons, ["2026-01-01T06:30:00Z", "2026-01-02T06:30:00Z"]);
        let tens = times("*/10 * * * * *", "UTC", "2026-01-01T00:00:05.5Z", 2);
        assert_eq!(tens, ["2026-01-01T00:00:10Z", "2026-01-01T00:00:20Z"]);
        assert_eq!(times("@daily", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-01-02T00:00:00Z"]);
        // The second has begun: its time is not after it.
        assert_eq!(times("* * * * * *", "UTC", "2026-01-01T00:00:05.5Z", 1), ["2026-01-01T00:00:06Z"]);
        assert_eq!(times("0 0 L 2 *", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-02-28T00:00:00Z"]);
    }

    #[test]
    fn a_time_that_clocks_skip_comes_once_and_one_that_they_repeat_comes_once() {
        // Forward from 2:00 to 3:00 on 29 March, back from 3:00 to 2:00 on 25 October 2026.
        let spring = times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let autumn = times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let half_hours = times("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 4);
        assert_eq!(half_hours[3], "2026-10-25T02:00:00Z", "{half_hours:?}");
    }

    #[test]
    fn of_many_that_were_missed_the_last_is_found() {
        let seconds = Cron::new("* * * * * *", "UTC", at("2026-01-01T00:00:00Z")).unwrap();
        let found = seconds.latest(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00.5Z"));
        assert_eq!(found, Some(at("2026-02-01T00:00:00Z")));
        let found = seconds.latest(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:03.9Z"));
        assert_eq!(found, Some(at("2026-01-01T00:00:03Z")));
        assert_eq!(seconds.latest(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00.9Z")), None);
        assert_eq!(seconds.latest(at("2026-01-01T00:00:09Z"), at("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn what_is_no_schedule_is_refused_and_what_was_written_is_read() {
        let now = at("2026-01-01T00:00:00Z");
        for bad in ["", "* * *", "61 * * * *", "0 0 30 2 *", "0 0 1 1 * 2020", "hourly", &"*".repeat(256), "ÄÄ * * * *"]
        {
            let error = Cron::new(bad, "UTC", now).unwrap_err();
            assert!(matches!(error, Error::Invalid { what: "schedule", .. }), "{bad}: {error}");
        }
        for bad in ["", "Berlin", "../../etc/passwd", "Europe/Berlin\0"] {
            let error = Cron::new("* * * * *", bad, now).unwrap_err().to_string();
            assert!(error.contains("no time zone"), "{error}");
        }
        let cron = Cron::new("0 3 * * MON-FRI", "Europe/Berlin", now).unwrap();
        let json = serde_json::to_string(&cron).unwrap();
        assert_eq!(json, r#"{"cron":"0 3 * * MON-FRI","zone":"Europe/Berlin"}"#);
        assert_eq!(serde_json::from_str::<Cron>(&json).unwrap(), cron);
    }
}
