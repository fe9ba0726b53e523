//! A34: the test doubles, as a test of somebody else's would use them: a backend that answers at once, a store in memory, and what was
//! called.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use au_host::testing::Double;
use au_host::{Error, Failure, FailureKind, Host, Request, Retry, Status};

use crate::{LONG, ask, memory};

async fn host(double: &Arc<Double>) -> Host {
    Host::builder(memory(), Arc::clone(double) as _, Arc::clone(double) as _).build().await.unwrap()
}

#[tokio::test]
async fn a_double_gives_what_its_closure_does_and_remembers_what_it_was_asked() {
    let double = Arc::new(Double::new().with("echo", |attempt| Ok(attempt.input.clone())));
    let host = host(&double).await;
    let request = ask("echo");
    assert_eq!(host.call(request.clone()).await.unwrap(), request.input);
    let handle = host.submit(request.clone()).await.unwrap();
    assert_eq!(handle.result(LONG).await.unwrap(), request.input);
    let calls = double.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[1].job, &*calls[1].function, &calls[1].input), (handle.id(), "echo", &request.input));
    let unknown = host.submit(ask("other")).await;
    assert!(matches!(unknown, Err(Error::NotFound { what: "function", .. })), "{unknown:?}");
    assert_eq!(double.calls().len(), 2);
}

/// A31: one that works at first is called once, one that fails twice three times, one that always fails as often as was asked for.
#[tokio::test]
async fn a_function_is_called_as_often_as_its_retry_policy_says() {
    let left = Arc::new(AtomicU32::new(2));
    let fails = |kind: FailureKind| move || Failure::new(kind, "not yet");
    let (flaky, transient, failed) = (Arc::clone(&left), fails(FailureKind::Transient), fails(FailureKind::Failed));
    let double = Double::new()
        .with("works", |attempt| Ok(attempt.input.clone()))
        .with("flaky", move |attempt| {
            let again = flaky.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if again { Err(transient()) } else { Ok(attempt.input.clone()) }
        })
        .with("always", fails_always(FailureKind::Transient))
        .with("failed", move |_| Err(failed()));
    let double = Arc::new(double);
    let host = host(&double).await;
    let run = async |function: &str, retry: Retry| {
        let before = double.calls().len();
        let handle = host.submit(Request { retry: Some(retry), ..ask(function) }).await.unwrap();
        let job = handle.wait(LONG).await.unwrap();
        (job.status, double.calls().len() - before, job.failure.map(|failure| failure.message))
    };
    let thrice = Retry { attempts: 3, delay: Duration::ZERO, max_delay: Duration::ZERO, ..Retry::default() };
    assert_eq!(run("works", thrice.clone()).await, (Status::Completed, 1, None));
    assert_eq!(run("flaky", thrice.clone()).await.1, 3);
    assert_eq!(left.load(Ordering::SeqCst), 0);
    assert_eq!(run("always", thrice.clone()).await, (Status::Failed, 3, Some("not yet".into())));
    assert_eq!(run("failed", thrice.clone()).await.1, 1, "it is not worth it");
    let on = Some([FailureKind::Failed].into());
    assert_eq!(run("failed", Retry { on: on.clone(), ..thrice.clone() }).await.1, 3);
    assert_eq!(run("always", Retry { on, ..thrice }).await.1, 1, "that kind was not asked for");
}

fn fails_always(kind: FailureKind) -> impl Fn(&au_host::Attempt) -> au_host::Outcome {
    move |_| Err(Failure::new(kind, "not yet"))
}
