//! How figures are taken: ours and the base in short turns, so that both meet the same machine, and medians of those.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    Quick,
    Usual,
    Full,
}

impl Effort {
    pub(crate) fn of(quick: bool, full: bool) -> Self {
        match (quick, full) {
            (true, _) => Self::Quick,
            (false, true) => Self::Full,
            (false, false) => Self::Usual,
        }
    }

    /// So many, or the tenth part of them in a short run.
    pub(crate) fn of_usual(self, count: usize) -> usize {
        if self == Self::Quick { count.div_ceil(10) } else { count }
    }
}

/// Times that were taken of one thing, in seconds, or other values of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The value below which this share of all lies.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (share * sorted.len() as f64) as usize;
        sorted[at.min(sorted.len() - 1)]
    }

    /// The median of ours over theirs, turn by turn: what slows the machine for a while slows both.
    pub(crate) fn over(&self, base: &Self) -> f64 {
        Self(self.0.iter().zip(&base.0).map(|(ours, base)| ours / base).collect()).median()
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// What each of these gave, turn by turn: one turn of each, then the next of each.
pub(crate) fn in_turns<const N: usize>(turns: usize, mut sides: [&mut dyn FnMut() -> f64; N]) -> [Sample; N] {
    // The first turn warms up: pools, caches, files.
    for side in &mut sides {
        side();
    }
    let mut samples: [Sample; N] = std::array::from_fn(|_| Sample::default());
    for _ in 0..turns {
        for (side, sample) in sides.iter_mut().zip(&mut samples) {
            sample.push(side());
        }
    }
    samples
}

pub(crate) fn wall(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// Seconds of a core that this thread spent on it: others on the machine do not count.
pub(crate) fn on_core(work: impl FnOnce()) -> f64 {
    let began = thread_time();
    work();
    (thread_time() - began).as_secs_f64()
}

fn thread_time() -> Duration {
    let at = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(at.tv_sec.try_into().unwrap_or(0), at.tv_nsec.try_into().unwrap_or(0))
}

/// A time as it is read best.
pub(crate) fn shown(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-3 => format!("{:.2} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}
