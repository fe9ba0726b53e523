//! A suite: properties, each a sentence that can be false, crossed with the things that must have them.

use futures::FutureExt;
use futures::future::BoxFuture;
use libtest_mimic::{Failed, Trial};

/// Something that all subjects of a suite must do.
pub struct Property<T> {
    /// The sentence.
    pub name: &'static str,
    /// Panics unless it is true of the subject.
    pub check: fn(T) -> BoxFuture<'static, ()>,
}

impl<T> std::fmt::Debug for Property<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A property that a subject does not have, and why. It must fail, or it is no gap.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// The name of the property.
    pub property: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// One test for each property of this subject, which `make` makes anew for each. What comes beside it is kept until the
/// test ends.
pub fn trials<T: Send + 'static, K: Send + 'static>(
    subject: &'static str,
    properties: &[Property<T>],
    gaps: &'static [Gap],
    make: fn() -> (T, K),
) -> Vec<Trial> {
    let trial = |property: &Property<T>| {
        let check = property.check;
        let gap = gaps.iter().find(|gap| gap.property == property.name);
        Trial::test(format!("{subject}: {}", property.name), move || {
            let held = run(check, make);
            match (held, gap) {
                (Ok(()), Some(gap)) => Err(Failed::from(format!("declared a gap ({}), but it holds", gap.reason))),
                (Err(_), Some(_)) => Ok(()),
                (held, None) => held,
            }
        })
    };
    properties.iter().map(trial).collect()
}

fn run<T: Send + 'static, K>(check: fn(T) -> BoxFuture<'static, ()>, make: fn() -> (T, K)) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // A store may have tasks of its own from the start.
    let _entered = runtime.enter();
    let (subject, _keep) = make();
    let held = runtime.block_on(std::panic::AssertUnwindSafe(check(subject)).catch_unwind());
    held.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Failed::from(text.unwrap_or("it panicked"))
    })
}

/// Properties of their functions: `properties![name => function, …]`.
#[macro_export]
macro_rules! properties {
    ($($name:literal => $check:path),* $(,)?) => {
        &[$($crate::suite::Property { name: $name, check: |subject| Box::pin($check(subject)) }),*]
    };
}
