//! What every backend must do, asked through the guest of `fixtures/guest.wat`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use au_host::{
    Attempt, Backend, Context, Digest, Events, Failure, FailureKind, JobId, Level, Limits, OCTETS, Payload, Progress,
    Report, Sandbox, Timestamp,
};

use crate::properties;
use crate::suite::Property;

/// A backend and what it is asked to run.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The backend, with room for 16 attempts.
    pub backend: Arc<dyn Backend>,
    /// The guest, known to it.
    pub module: Digest,
}

/// What is asked of any backend.
pub const BACKEND: &[Property<Subject>] = properties![
    "an input comes back as it was, with its content type" => echo,
    "an empty input and one of a MiB come back as they were" => sizes,
    "an endless loop ends when its time is up, and the limit is named" => endless,
    "a cancel stops an endless loop" => cancelled,
    "a cancel that came before stops an attempt before it begins" => cancelled_before,
    "a guest that asks whether it is cancelled, and does not mind, is stopped all the same" => cancelled_asking,
    "an attempt that is dropped leaves its place to others" => dropped,
    "a short attempt ends while as many endless ones run as there is room for" => beside_endless,
    "many more endless loops than there is room for all end" => crowd,
    "a guest that wants more memory than it may have is out of memory" => memory,
    "memory within the limit is given" => memory_within,
    "a guest that wants a larger table than it may have is told so" => table,
    "a module of more instances than it may have is told so" => instances,
    "a guest that recurses without end overflows its own stack" => recursion,
    "code that WebAssembly forbids is a trap" => traps,
    "fuel runs out where it is metered, and is counted" => fuel,
    "an output at its limit passes and one byte more does not" => output_limit,
    "a guest cannot hand over its whole memory" => whole_memory,
    "a flood of log lines is cut at the limit and counted, and the guest goes on" => flood,
    "a line longer than the log is cut" => long_line,
    "progress is heard while the guest runs" => progress,
    "what a guest says of its failure is kept, and its kind" => failures,
    "a panic tells its message and its place" => panic,
    "nothing of an attempt is left for the next" => residue,
    "a guest is told which job it is, and which attempt" => current,
    "a guest is told how much time it has left" => remaining,
    "a module that is not there is a failure of the module" => unknown_module,
    "cancelled at any moment, an attempt has one outcome and the backend goes on" => cancel_storm,
    "attempts at once do not mix" => at_once,
    "a guest has the stack it may have, however little the caller has" => little_stack,
    "short functions come back as ever after those that took long, and that spoke" => moods,
];

/// Hears what an attempt says.
#[derive(Debug, Default)]
pub struct Heard {
    lines: Mutex<Vec<(Level, String)>>,
    progress: Mutex<Vec<Progress>>,
    told: tokio::sync::Notify,
}

impl Events for Heard {
    fn log(&self, level: Level, message: String) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push((level, message));
    }

    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).push(progress);
        self.told.notify_one();
    }
}

impl Subject {
    fn attempt(&self, function: &str, number: u32) -> Attempt {
        let limits = Limits { timeout: Duration::from_secs(20), memory: 8 << 20, ..Limits::default() };
        Attempt {
            job: JobId::new(Timestamp::from_micros(1_795_370_000_000_000)),
            number: 1,
            module: self.module,
            function: function.into(),
            input: Payload::new(OCTETS, number.to_le_bytes().to_vec()).expect("a content type"),
            sandbox: Sandbox { limits, ..Sandbox::default() },
            labels: std::collections::BTreeMap::new(),
            module_name: None,
            hops: 0,
        }
    }

    async fn run(&self, attempt: Attempt) -> Report {
        self.backend.execute(attempt, &Context::default()).await.expect("it can be run")
    }

    async fn failure(&self, attempt: Attempt) -> Failure {
        self.run(attempt).await.outcome.expect_err("it fails")
    }

    async fn echoes(&self) {
        let output = self.run(self.attempt("echo", 7)).await.outcome.expect("an echo");
        assert_eq!(output.bytes()[..], 7_u32.to_le_bytes());
    }
}

fn limit_of(failure: &Failure) -> (&str, u64) {
    let limit = failure.limit.as_ref().expect("the limit is named");
    assert!(failure.message.contains(&limit.value.to_string()), "{failure}");
    (&limit.name, limit.value)
}

async fn echo(subject: Subject) {
    let mut attempt = subject.attempt("echo", 0);
    attempt.input = Payload::new("text/x-test; charset=utf-8", "grüße".as_bytes()).unwrap();
    let sent = attempt.input.clone();
    assert_eq!(subject.run(attempt).await.outcome, Ok(sent));
}

async fn sizes(subject: Subject) {
    for size in [0, 1, 65_536, 1 << 20] {
        let mut attempt = subject.attempt("echo", 0);
        attempt.input = Payload::new(OCTETS, vec![0xa5; size]).unwrap();
        let sent = attempt.input.clone();
        assert_eq!(subject.run(attempt).await.outcome, Ok(sent), "{size}");
    }
}

async fn endless(subject: Subject) {
    let mut attempt = subject.attempt("spin", 0);
    attempt.sandbox.limits.timeout = Duration::from_millis(150);
    let began = Instant::now();
    let failure = subject.failure(attempt).await;
    assert_eq!(failure.kind, FailureKind::TimedOut, "{failure}");
    assert_eq!(limit_of(&failure), ("timeout", 150));
    assert!(began.elapsed() >= Duration::from_millis(150));
}

async fn cancelled(subject: Subject) {
    let heard = Arc::new(Heard::default());
    let context = Context { events: heard.clone(), ..Context::default() };
    let attempt = subject.attempt("progress", 1);
    let running = subject.backend.execute(attempt, &context);
    let cancel = async {
        heard.told.notified().await;
        context.cancel.cancel();
    };
    let (report, ()) = tokio::join!(running, cancel);
    assert_eq!(report.unwrap().outcome.unwrap_err().kind, FailureKind::Cancelled);
    subject.echoes().await;
}

async fn cancelled_before(subject: Subject) {
    let context = Context::default();
    context.cancel.cancel();
    let report = subject.backend.execute(subject.attempt("spin", 0), &context).await.unwrap();
    assert_eq!(report.outcome.unwrap_err().kind, FailureKind::Cancelled);
}

async fn cancelled_asking(subject: Subject) {
    // Only with the number 0 it would end by itself once it hears of the cancel.
    for (number, minds) in [(1, false), (0, true)] {
        let context = Context::default();
        let running = subject.backend.execute(subject.attempt("zero", number), &context);
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            context.cancel.cancel();
        };
        let (report, ()) = tokio::join!(running, cancel);
        match report.unwrap().outcome {
            Ok(output) => assert!(minds && output.is_empty(), "{output:?}"),
            Err(failure) => assert_eq!(failure.kind, FailureKind::Cancelled),
        }
    }
}

async fn dropped(subject: Subject) {
    for _ in 0..3 {
        let spinning: Vec<_> = (0..16).map(|_| subject.run(subject.attempt("spin", 0))).collect();
        let all = futures::future::join_all(spinning);
        assert!(tokio::time::timeout(Duration::from_millis(50), all).await.is_err());
    }
    subject.echoes().await;
}

async fn beside_endless(subject: Subject) {
    let context = Context::default();
    let spinning: Vec<_> = (0..15)
        .map(|_| {
            let (subject, context) = (subject.clone(), context.clone());
            tokio::spawn(async move { subject.backend.execute(subject.attempt("spin", 0), &context).await })
        })
        .collect();
    for _ in 0..20 {
        subject.echoes().await;
    }
    context.cancel.cancel();
    for one in spinning {
        assert_eq!(one.await.unwrap().unwrap().outcome.unwrap_err().kind, FailureKind::Cancelled);
    }
}

async fn crowd(subject: Subject) {
    let spinning = (0..64).map(|_| {
        let mut attempt = subject.attempt("spin", 0);
        attempt.sandbox.limits.timeout = Duration::from_millis(100);
        let subject = subject.clone();
        tokio::spawn(async move { subject.backend.execute(attempt, &Context::default()).await })
    });
    for one in futures::future::join_all(spinning).await {
        match one.unwrap() {
            Ok(report) => assert_eq!(report.outcome.unwrap_err().kind, FailureKind::TimedOut),
            // There was no room: the host tries again.
            Err(error) => assert_eq!(error.class().code, "busy"),
        }
    }
    subject.echoes().await;
}

async fn memory(subject: Subject) {
    let failure = subject.failure(subject.attempt("grow", 0)).await;
    assert_eq!(failure.kind, FailureKind::OutOfMemory, "{failure}");
    assert_eq!(limit_of(&failure), ("memory", 8 << 20));
}

async fn memory_within(subject: Subject) {
    let mut attempt = subject.attempt("big", 6 << 20);
    attempt.sandbox.limits.output = 8 << 20;
    let report = subject.run(attempt).await;
    assert_eq!(report.outcome.unwrap().len(), 6 << 20);
    assert!((6 << 20..=8 << 20).contains(&report.usage.peak_memory), "{:?}", report.usage);
}

async fn table(subject: Subject) {
    let failure = subject.failure(subject.attempt("table", 0)).await;
    assert_eq!(failure.kind, FailureKind::TableLimit, "{failure}");
    assert_eq!(limit_of(&failure), ("table_elements", 20_000));
}

async fn instances(subject: Subject) {
    // Whatever is adapted to its host is one of three or more.
    let mut attempt = subject.attempt("echo", 0);
    attempt.sandbox.limits.instances = 1;
    let failure = subject.failure(attempt).await;
    assert_eq!(failure.kind, FailureKind::InstanceLimit, "{failure}");
    assert_eq!(limit_of(&failure), ("instances", 1));
    subject.echoes().await;
}

async fn recursion(subject: Subject) {
    let failure = subject.failure(subject.attempt("recurse", 0)).await;
    assert_eq!(failure.kind, FailureKind::StackOverflow, "{failure}");
    assert_eq!(limit_of(&failure).0, "stack");
    assert!(failure.trace.len() <= 20);
}

async fn traps(subject: Subject) {
    for (function, word) in [("unreachable", "unreachable"), ("divide", "divide by zero"), ("outside", "out of bounds")]
    {
        let failure = subject.failure(subject.attempt(function, 0)).await;
        assert_eq!(failure.kind, FailureKind::Trap, "{failure}");
        assert!(failure.message.contains(word), "{failure}");
        assert!(!failure.trace.is_empty(), "{failure}");
    }
}

async fn fuel(subject: Subject) {
    let mut attempt = subject.attempt("spin", 0);
    attempt.sandbox.limits.fuel = Some(1_000_000);
    let report = subject.run(attempt).await;
    let failure = report.outcome.unwrap_err();
    assert_eq!(failure.kind, FailureKind::OutOfFuel, "{failure}");
    assert_eq!(limit_of(&failure), ("fuel", 1_000_000));
    let mut attempt = subject.attempt("echo", 0);
    attempt.sandbox.limits.fuel = Some(1_000_000);
    let report = subject.run(attempt).await;
    report.outcome.unwrap();
    assert!((1..100_000).contains(&report.usage.fuel.unwrap()), "{:?}", report.usage);
}

async fn output_limit(subject: Subject) {
    for (size, passes) in [(1 << 20, true), ((1 << 20) + 1, false)] {
        let mut attempt = subject.attempt("big", size);
        attempt.sandbox.limits.output = 1 << 20;
        let outcome = subject.run(attempt).await.outcome;
        assert_eq!(outcome.is_ok(), passes, "{size}");
        if let Err(failure) = outcome {
            assert_eq!(failure.kind, FailureKind::OutputTooLarge);
            assert_eq!(limit_of(&failure), ("output", 1 << 20));
        }
    }
}

async fn whole_memory(subject: Subject) {
    let mut attempt = subject.attempt("whole", 0);
    attempt.sandbox.limits.output = 64 << 10;
    assert_eq!(subject.failure(attempt).await.kind, FailureKind::OutputTooLarge);
}

async fn flood(subject: Subject) {
    let heard = Arc::new(Heard::default());
    let context = Context { events: heard.clone(), ..Context::default() };
    let mut attempt = subject.attempt("log", 50_000);
    attempt.sandbox.limits.log_lines = 100;
    let report = subject.backend.execute(attempt, &context).await.unwrap();
    report.outcome.unwrap();
    let lines = heard.lines.lock().unwrap();
    assert_eq!(lines.len(), 100);
    assert!(lines.iter().all(|(level, line)| *level == Level::Warn && line == "\u{1b}[31mred\u{7}"), "{:?}", lines[0]);
    assert_eq!(report.usage.log_dropped, 49_900);
}

async fn long_line(subject: Subject) {
    let heard = Arc::new(Heard::default());
    let context = Context { events: heard.clone(), ..Context::default() };
    let mut attempt = subject.attempt("huge-line", 100_000);
    attempt.sandbox.limits.log_bytes = 1_000;
    subject.backend.execute(attempt, &context).await.unwrap().outcome.unwrap();
    let bytes: usize = heard.lines.lock().unwrap().iter().map(|(_, line)| line.len()).sum();
    assert!(bytes <= 1_000, "{bytes}");
}

async fn progress(subject: Subject) {
    let heard = Arc::new(Heard::default());
    let context = Context { events: heard.clone(), ..Context::default() };
    subject.backend.execute(subject.attempt("progress", 0), &context).await.unwrap().outcome.unwrap();
    assert_eq!(*heard.progress.lock().unwrap(), [Progress::new(0.5, "half of it")]);
}

async fn failures(subject: Subject) {
    let kinds =
        [("fail", FailureKind::Failed), ("invalid", FailureKind::InvalidInput), ("never", FailureKind::Transient)];
    for (function, kind) in kinds {
        let failure = subject.failure(subject.attempt(function, 0)).await;
        assert_eq!((failure.kind, &*failure.message), (kind, "as it was told"));
    }
}

async fn panic(subject: Subject) {
    let failure = subject.failure(subject.attempt("xpanic", 0)).await;
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.message.contains("as it was told") && failure.message.contains("src/lib.rs:7:5"), "{failure}");
}

async fn residue(subject: Subject) {
    for round in 0..100 {
        let output = subject.run(subject.attempt("kept", 0)).await.outcome.unwrap();
        assert_eq!(output.bytes()[..], [0], "round {round}");
    }
}

async fn current(subject: Subject) {
    let mut attempt = subject.attempt("current", 0);
    let job = attempt.job;
    let output = subject.run(attempt.clone()).await.outcome.unwrap();
    assert_eq!(output.bytes()[..], *job.to_string().as_bytes());
    attempt.function = "yes-third".into();
    assert_eq!(subject.failure(attempt.clone()).await.kind, FailureKind::Transient);
    attempt.number = 3;
    subject.run(attempt).await.outcome.unwrap();
}

async fn remaining(subject: Subject) {
    let mut before = u64::MAX;
    for timeout in [20_000, 10_000] {
        let mut attempt = subject.attempt("current", 1);
        attempt.sandbox.limits.timeout = Duration::from_millis(timeout);
        let output = subject.run(attempt).await.outcome.unwrap();
        let left = u64::from_le_bytes(output.bytes()[..].try_into().unwrap());
        assert!(0 < left && left <= timeout && left < before, "{left} of {timeout}");
        before = left;
    }
}

async fn unknown_module(subject: Subject) {
    let mut attempt = subject.attempt("echo", 0);
    attempt.module = Digest::of(b"nothing like it");
    assert_eq!(subject.failure(attempt).await.kind, FailureKind::Module);
}

async fn cancel_storm(subject: Subject) {
    let storm = (0..400_u64).map(|round| {
        let subject = subject.clone();
        tokio::spawn(async move {
            let context = Context::default();
            let function = if round % 2 == 0 { "spin" } else { "echo" };
            let running = subject.backend.execute(subject.attempt(function, 0), &context);
            let cancel = async {
                tokio::time::sleep(Duration::from_micros(round * 37 % 3_000)).await;
                context.cancel.cancel();
            };
            let (report, ()) = tokio::join!(running, cancel);
            match report {
                Ok(Report { outcome: Err(failure), .. }) => {
                    assert_eq!(failure.kind, FailureKind::Cancelled, "{failure}")
                }
                Ok(Report { outcome: Ok(_), .. }) => assert_eq!(function, "echo"),
                Err(error) => assert_eq!(error.class().code, "busy", "{error}"),
            }
        })
    });
    for one in futures::future::join_all(storm).await {
        one.unwrap();
    }
    subject.echoes().await;
}

async fn at_once(subject: Subject) {
    let many = (0..16_u32).map(|number| {
        let subject = subject.clone();
        tokio::spawn(async move {
            for round in 0..50_u32 {
                let output = subject.run(subject.attempt("echo", number * 1000 + round)).await.outcome.unwrap();
                assert_eq!(output.bytes()[..], (number * 1000 + round).to_le_bytes());
            }
        })
    });
    for one in futures::future::join_all(many).await {
        one.unwrap();
    }
}

async fn little_stack(subject: Subject) {
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            subject.echoes().await;
            recursion(subject.clone()).await;
            subject.echoes().await;
        });
    });
    tokio::task::spawn_blocking(|| thread.unwrap().join().unwrap()).await.unwrap();
}

async fn moods(subject: Subject) {
    let short = async || {
        for _ in 0..3 {
            subject.echoes().await;
            recursion(subject.clone()).await;
            traps(subject.clone()).await;
        }
    };
    short().await;
    endless(subject.clone()).await;
    short().await;
    progress(subject.clone()).await;
    short().await;
}
