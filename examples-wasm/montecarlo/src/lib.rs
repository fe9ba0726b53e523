//! Estimates pi by throwing darts; the same seed throws the same ones.

use au_guest::{Failure, async_compute, progress};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::Serialize;

/// An estimate and how far off it may be.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Estimate {
    /// About pi.
    pub pi: f64,
    /// One standard deviation of it.
    pub error: f64,
}

/// Estimates pi from so many random points.
#[async_compute]
pub fn montecarlo(samples: u64, seed: Option<u64>) -> Result<Estimate, Failure> {
    if samples == 0 {
        return Err(Failure::invalid_input("samples must be at least 1"));
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed.unwrap_or(0));
    let mut inside = 0;
    for sample in 0..samples {
        inside += u64::from(hit(&mut random));
        if sample % (1 << 20) == 0 {
            progress(sample as f32 / samples as f32, "throwing");
        }
    }
    let share = inside as f64 / samples as f64;
    Ok(Estimate { pi: 4.0 * share, error: 4.0 * (share * (1.0 - share) / samples as f64).sqrt() })
}

fn hit(random: &mut impl Rng) -> bool {
    let (x, y): (f64, f64) = (random.random(), random.random());
    x * x + y * y <= 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_close_and_its_seed_decides_it() {
        let first = montecarlo(200_000, Some(1)).unwrap();
        assert!((first.pi - std::f64::consts::PI).abs() < 5.0 * first.error);
        assert_eq!(first, montecarlo(200_000, Some(1)).unwrap());
        assert_ne!(first, montecarlo(200_000, Some(2)).unwrap());
    }
}
