//! Values as people write them: on a command line, in a settings file, in a query.

use std::str::FromStr;
use std::time::Duration;

/// A number of bytes: `65536`, `64KiB`, `1.5G`. K, M, G, T count in 1024s, with or without `i` and `B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(
    /// How many.
    pub u64,
);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let why = || format!("{text:?} is not a size such as 65536, 64KiB or 2GiB");
        let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(unit);
        let shift = match unit.trim().to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            "t" => 40,
            _ => return Err(why()),
        };
        let number: f64 = number.parse().map_err(|_| why())?;
        let bytes = number * 2_f64.powi(shift);
        // Sizes this large are over every ceiling anyway.
        if !bytes.is_finite() || bytes > 9e15 {
            return Err(why());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 9e15")]
        Ok(Self(bytes as u64))
    }
}

/// A span of time: `90s`, `1h 30m`.
///
/// # Errors
/// What is wrong with the text, for the one who wrote it.
pub fn time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| format!("{text:?} is not a time such as 500ms, 30s, 5m, 2h or 7d"))
}

/// A number of bytes as people read them.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

/// `NAME=VALUE`, or `NAME` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What stands before the `=`.
    pub name: String,
    /// What stands after it, if there is one.
    pub value: Option<String>,
}

impl FromStr for Binding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err(format!("{text:?} has no name before the ="));
        }
        Ok(Self { name: name.to_owned(), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(read("65536"), Ok(65536));
        assert_eq!(read("64KiB"), Ok(65536));
        assert_eq!(read("64k"), Ok(65536));
        assert_eq!(read("1.5 MB"), Ok(3 << 19));
        assert_eq!(read("2g"), Ok(2 << 30));
        for wrong in ["", "MiB", "-1", "1x", "1e400", "inf", "99999999999g"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read("1t"), Ok(1 << 40));
    }

    #[test]
    fn sizes_are_shown_with_one_digit() {
        assert_eq!([bytes(0), bytes(1023), bytes(1536), bytes(5 << 30)], ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
    }
}
