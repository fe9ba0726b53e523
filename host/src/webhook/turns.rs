//! How a delivery goes on: pure functions of its note, of what became of a try, and of the time.

use std::time::Duration;

use super::note::{Outstanding, Over};
use crate::id::WorkerId;
use crate::time::Timestamp;

/// Rest after the first try, doubled after each further one, up to the longest.
const RESTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60 * 60)];
/// How long a try has for itself before others take it for dead.
pub(super) const LEASE: Duration = Duration::from_secs(20);
/// A job that a note was written for is kept by then, or never.
const ORPHANED: Duration = Duration::from_secs(60 * 60);

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// It was taken.
    Taken,
    /// It was not, and never will be.
    Gone(String),
    /// It was not.
    Failed(String),
}

/// What is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Another try.
    Again(Outstanding),
    /// Nothing.
    Over(Over),
}

impl Outstanding {
    /// When this worker may try it. The others come a while after the one that tried it last, so that they do not meet.
    pub(super) fn due(&self, worker: WorkerId, behind: Duration) -> Option<Timestamp> {
        let wait = if self.holder.is_none_or(|holder| holder == worker) { Duration::ZERO } else { behind };
        self.next.map(|next| next.plus(wait))
    }

    /// Whether its job, which is not there, will not come either.
    pub(super) fn is_orphaned(&self, now: Timestamp) -> bool {
        now.since(self.made) >= ORPHANED
    }

    /// The same, while `worker` tries it.
    pub(super) fn claimed(&self, worker: WorkerId, now: Timestamp) -> Self {
        Self { holder: Some(worker), next: Some(now.plus(LEASE)), first: self.first.or(Some(now)), ..self.clone() }
    }

    /// What follows a try. `spread` is between 0 and 1, at random: what failed together shall not come again together.
    pub(super) fn after(self, tried: Tried, now: Timestamp, retry_for: Duration, spread: f64) -> Turn {
        let attempts = self.attempts.saturating_add(1);
        let over = |error, delivered| Turn::Over(Over { attempts, error, at: now, delivered });
        let error = match tried {
            Tried::Taken => return over(self.error, true),
            Tried::Gone(error) => return over(Some(error), false),
            Tried::Failed(error) => error,
        };
        let next = now.plus(rest(attempts).mul_f64(0.8 + 0.4 * spread));
        if next > self.first.unwrap_or(now).plus(retry_for) {
            return over(Some(error), false);
        }
        Turn::Again(Self { attempts, error: Some(error), next: Some(next), ..self })
    }
}

/// The rest after so many tries.
fn rest(attempts: u32) -> Duration {
    let [first, longest] = RESTS;
    first.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn failed() -> Tried {
        Tried::Failed("answered 500".into())
    }

    #[test]
    fn a_receiver_that_never_answers_is_tried_at_doubling_rests_for_a_day() {
        let worker = WorkerId::new(NOW);
        for spread in [0.0, 0.5, 1.0] {
            let (mut note, mut now, mut rests) = (Outstanding::new(NOW), NOW, Vec::new());
            let over = loop {
                match note.claimed(worker, now).after(failed(), now, DAY, spread) {
                    Turn::Again(again) => {
                        let next = again.due(worker, DAY).unwrap();
                        rests.push(next.since(now).as_secs_f64());
                        (note, now) = (again, next);
                    }
                    Turn::Over(over) => break over,
                }
            };
            assert!((0.8..=1.2).contains(&rests[0]), "{rests:?}");
            assert!(rests[..12].windows(2).all(|pair| (pair[1] / pair[0] - 2.0).abs() < 0.01), "{rests:?}");
            assert!(rests.iter().all(|rest| *rest <= 3600.0 * 1.2), "{rests:?}");
            assert_eq!((over.delivered, over.error.as_deref()), (false, Some("answered 500")));
            assert!(over.at.since(NOW) <= DAY && over.at.since(NOW) >= DAY - Duration::from_secs(3600 * 6 / 5));
            assert_eq!(over.attempts as usize, rests.len() + 1);
        }
    }

    #[test]
    fn who_is_told_and_who_is_gone_is_tried_no_more() {
        let note = Outstanding { attempts: 2, error: Some("answered 500".into()), ..Outstanding::new(NOW) };
        let over = |turn| if let Turn::Over(over) = turn { over } else { panic!("{turn:?}") };
        let taken = over(note.clone().after(Tried::Taken, NOW, DAY, 0.5));
        assert_eq!((taken.delivered, taken.attempts, taken.at), (true, 3, NOW));
        let gone = over(note.after(Tried::Gone("answered 410".into()), NOW, DAY, 0.5));
        assert_eq!((gone.delivered, gone.attempts, gone.error.as_deref()), (false, 3, Some("answered 410")));
    }

    #[test]
    fn a_claim_keeps_others_away_for_a_while_and_not_for_ever() {
        let (own, other) = (WorkerId::new(NOW), WorkerId::new(NOW));
        let note = Outstanding::new(NOW);
        assert_eq!((note.due(own, DAY), note.due(other, DAY)), (None, None));
        let claimed = note.claimed(own, NOW);
        assert_eq!(claimed.due(own, DAY), Some(NOW.plus(LEASE)));
        assert_eq!(claimed.due(other, DAY), Some(NOW.plus(LEASE).plus(DAY)));
        assert!(!claimed.is_orphaned(NOW) && claimed.is_orphaned(NOW.plus(ORPHANED)));
        assert_eq!(claimed.claimed(other, NOW.plus(DAY)).due(other, DAY), Some(NOW.plus(DAY).plus(LEASE)));
    }
}
