//! The figures.

use crate::sh::{self, au_host, cargo};
use crate::{Result, guests, setup};

pub(crate) fn bench(words: &[String]) -> Result {
    setup::setup()?;
    guests::guests()?;
    sh::run(&mut cargo("build --locked --workspace --all-targets"))?;
    let mut bench = cargo("run --locked --quiet --package au-tests --bin au-bench --");
    sh::run(bench.args(words).env("AU_GUESTS_DIR", guests::folder()).env("AU_COMPILER", au_host()))
}
