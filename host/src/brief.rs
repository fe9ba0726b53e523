//! Jobs that are expected to end at once run before they are kept, and are kept with their outcome: in one write instead of two.
//!
//! Nothing is acknowledged before it is kept. What such an attempt does cannot be seen but by its outcome, for it has no grants:
//! when the host dies before the write, or the store refuses it, it is as if the job had never been submitted.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::ahead::is_light;
use crate::builder::Takes;
use crate::job::Spec;

/// An attempt that took no longer is expected to again. Others would hold up their own submit.
const BRIEF: Duration = Duration::from_micros(500);
/// Functions that are told apart. Two that are not are taken for one.
const FUNCTIONS: usize = 1024;
/// How sure one can be. One slow attempt among many may be another's fault: the core was taken from it.
const SURE: u8 = 8;

/// Which functions were brief of late: how sure it is of each that it will be again.
#[derive(Debug)]
pub(crate) struct Brief(Box<[AtomicU8]>);

impl Brief {
    /// Of functions that nothing is known of yet. A host that runs what it is handed, and no more, is asked by somebody who waits
    /// for the end: it may as well try.
    pub(crate) fn new(takes: Takes) -> Self {
        let first = u8::from(takes == Takes::Own);
        Self((0..FUNCTIONS).map(|_| AtomicU8::new(first)).collect())
    }

    /// Whether this job may run before it is kept.
    pub(crate) fn expects(&self, spec: &Spec) -> bool {
        spec.options.sandbox.grants.is_empty() && is_light(spec) && self.function(spec).load(Ordering::Relaxed) > 0
    }

    /// An attempt of this job ended after `took`.
    pub(crate) fn took(&self, spec: &Spec, took: Duration) {
        let function = self.function(spec);
        let before = function.load(Ordering::Relaxed);
        let after = if took <= BRIEF { SURE.min(before + 1) } else { before.saturating_sub(1) };
        // Mostly it is as it was: written only when it is not, it stays in the caches of all cores. A count that is lost is no harm.
        if before != after {
            function.store(after, Ordering::Relaxed);
        }
    }

    /// An attempt of this job was expected to end at once, and did not.
    pub(crate) fn disappointed(&self, spec: &Spec) {
        self.function(spec).store(0, Ordering::Relaxed);
    }

    fn function(&self, spec: &Spec) -> &AtomicU8 {
        let mut hasher = DefaultHasher::new();
        (spec.module.as_bytes(), &spec.function).hash(&mut hasher);
        &self.0[usize::try_from(hasher.finish() % FUNCTIONS as u64).unwrap_or(0)]
    }
}
