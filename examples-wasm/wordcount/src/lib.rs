//! Counts the words of a text.

use std::cmp::Reverse;
use std::collections::HashMap;

use au_guest::async_compute;
use schemars::JsonSchema;
use serde::Serialize;

/// How many of the most frequent words are listed.
const TOP: usize = 20;

/// What was counted.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Words {
    /// All words.
    pub total: u64,
    /// Different words.
    pub distinct: u64,
    /// The most frequent ones, with how often each comes.
    pub top: Vec<(String, u64)>,
}

/// Counts the words of a text: runs of letters and digits, upper and lower case alike.
#[async_compute]
pub fn wordcount(text: String) -> Words {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut total = 0;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        total += 1;
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    let distinct = counts.len() as u64;
    let mut top: Vec<_> = counts.into_iter().collect();
    top.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    top.truncate(TOP);
    Words { total, distinct, top }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_runs_of_letters_and_digits_whatever_their_case() {
        let words = super::wordcount("The cat, the CAT; 2 cats — über Über!".into());
        assert_eq!((words.total, words.distinct), (8, 5));
        assert_eq!(words.top[..2], [("cat".into(), 2), ("the".into(), 2)]);
    }

    #[test]
    fn a_plain_text_is_its_argument() {
        let output = au_guest::call("wordcount", "text/plain; charset=utf-8", b"one two two").unwrap();
        assert!(String::from_utf8(output.bytes).unwrap().starts_with(r#"{"total":3,"distinct":2"#));
    }
}
