//! Guesses which name somebody meant.

/// The name that looks most like `name`, if one looks like it at all.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.7;
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    let alike = names.into_iter().map(|other| (likeness(other), other)).filter(|(likeness, _)| *likeness >= ALIKE);
    alike.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_nonsense_finds_none() {
        let names = ["factorial", "primes", "wordcount"];
        assert_eq!(nearest("factroial", names), Some("factorial"));
        assert_eq!(nearest("prime", names), Some("primes"));
        assert_eq!(nearest("zzz", names), None);
    }
}
