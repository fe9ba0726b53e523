//! Real input for the demo: a text of some megabytes and a table, made the same way each time.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::sh::target;

const WORDS: [&str; 24] = [
    "the", "of", "and", "a", "to", "in", "sandbox", "module", "job", "handle", "result", "memory", "fuel", "epoch",
    "store", "worker", "lease", "attempt", "progress", "limit", "grant", "crash", "survives", "answer",
];
const TEXT: usize = 4 << 20;
const ROWS: u32 = 50_000;

/// The folder they are in.
pub(crate) fn folder() -> PathBuf {
    target().join("demo")
}

/// Makes them, unless they are there.
pub(crate) fn make() -> Result {
    fs::create_dir_all(folder()).map_err(|error| error.to_string())?;
    write(&folder().join("text.txt"), text)?;
    write(&folder().join("table.csv"), table)
}

fn write(path: &Path, content: fn() -> String) -> Result {
    if path.exists() {
        return Ok(());
    }
    fs::write(path, content()).map_err(|error| format!("{}: {error}", path.display()))
}

/// Frequent words are frequent: the smaller of two draws, as in natural text.
fn text() -> String {
    let mut random = Random(1);
    let mut text = String::with_capacity(TEXT + 16);
    while text.len() < TEXT {
        let word = random.below(WORDS.len()).min(random.below(WORDS.len()));
        text.push_str(WORDS[word]);
        text.push(if random.below(12) == 0 { '\n' } else { ' ' });
    }
    text
}

fn table() -> String {
    let mut random = Random(2);
    let mut table = String::from("station,temperature,rain\n");
    for _ in 0..ROWS {
        let (station, temperature, rain) = (random.below(9), random.below(500), random.below(100));
        // Written to a string, which cannot fail.
        let _ = writeln!(table, "S{station},{}.{},{rain}", temperature / 10, temperature % 10);
    }
    table
}

/// xorshift64* (Vigna 2016): any sequence will do, if it is the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(drawn).unwrap_or(0) % limit
    }
}
