//! Counts primes with a segmented sieve, and says how far it is.

use au_guest::{async_compute, info, progress};

const SEGMENT: u64 = 1 << 16;

/// How many primes there are below a limit.
#[async_compute]
pub fn primes(limit: u64) -> u64 {
    if limit < 3 {
        return 0;
    }
    let small = small_primes((limit as f64).sqrt() as u64 + 1);
    info!("sieving up to {limit} with {} small primes", small.len());
    let mut count = 0;
    let mut low = 2;
    while low < limit {
        let high = (low + SEGMENT).min(limit);
        count += sieve(low, high, &small);
        low = high;
        progress(low as f32 / limit as f32, "sieving");
    }
    count
}

fn small_primes(limit: u64) -> Vec<u64> {
    let mut composite = vec![false; limit as usize + 1];
    let mut primes = Vec::new();
    for n in 2..=limit {
        if !composite[n as usize] {
            primes.push(n);
            for multiple in (n * n..=limit).step_by(n as usize) {
                composite[multiple as usize] = true;
            }
        }
    }
    primes
}

/// The primes of one segment.
fn sieve(low: u64, high: u64, small: &[u64]) -> u64 {
    let mut composite = vec![false; (high - low) as usize];
    for prime in small.iter().take_while(|prime| **prime * **prime < high) {
        let first = (low.div_ceil(*prime) * prime).max(prime * prime);
        for multiple in (first..high).step_by(*prime as usize) {
            composite[(multiple - low) as usize] = true;
        }
    }
    composite.iter().filter(|composite| !**composite).count() as u64
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts_are_those_of_the_tables() {
        let known = [(0, 0), (2, 0), (3, 1), (10, 4), (100, 25), (65_539, 6_543), (1_000_000, 78_498)];
        for (limit, count) in known {
            assert_eq!(super::primes(limit), count, "below {limit}");
        }
    }
}
