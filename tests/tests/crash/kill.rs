//! SIGKILL at random moments under load.

use std::time::{Duration, Instant, SystemTime};

use rand::{RngExt, SeedableRng};

use super::oracle::History;
use super::{listen, load, prepare};

const KILLS: u32 = 20;
/// Between the numbers of one host and the next.
const STRIDE: u32 = 1_000_000;

#[test]
fn a_host_killed_under_load_loses_nothing_it_acknowledged() {
    let minutes: Option<u64> = std::env::var("AU_SOAK_MINUTES").ok().and_then(|minutes| minutes.parse().ok());
    let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60));
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    #[expect(clippy::cast_possible_truncation, reason = "any part of the time is a seed")]
    let mut random = rand::rngs::SmallRng::seed_from_u64(seed as u64);
    let (mut kills, mut jobs) = (0, 0);
    loop {
        let (some, kept) = storm(&mut random);
        kills += some;
        jobs += kept;
        if until.is_none_or(|until| Instant::now() >= until) {
            break;
        }
    }
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "killed {kills} times, {jobs} acknowledged jobs, none lost (seed {seed})"));
}

/// One folder, a host after the other, each killed; the last word is the oracle's.
fn storm(random: &mut rand::rngs::SmallRng) -> (u32, usize) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    prepare(&dir);
    let mut history = History::default();
    for round in 0..KILLS {
        let mut child = load(&dir, round * STRIDE).spawn().unwrap();
        let process = rustix::process::Pid::from_child(&child);
        let wait = Duration::from_millis(random.random_range(20..400));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(wait);
            rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
        });
        listen(&mut child, |line| history.note(line));
        killer.join().unwrap();
        child.wait().unwrap();
    }
    assert!(history.acked.len() > 100, "hardly anything was submitted: {history:?}");
    let broken = history.broken(&dir);
    assert!(broken.is_empty(), "{broken:#?}");
    (KILLS, history.acked.len())
}
