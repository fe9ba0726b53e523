//! A host under load, to be killed: `au-load DIR FIRST [COUNT [BYTES]]` submits jobs, numbered from FIRST, and tells on stdout
//! what was acknowledged: `try N`, `ack N ID`, `done N`, `cancelled N`, `refused N CODE`, `unready N CODE`.
//!
//! A job echoes its number, so that the only right result is known; every fifth has BYTES more, 40,000 if nothing is said. Every
//! fourth is one that runs until it is cancelled.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use au_host::{Error, Local, LocalConfig};
use au_tests::guest::config;
use au_tests::load::{self, LARGE};

const AT_ONCE: usize = 16;

fn main() -> std::process::ExitCode {
    let mut words = std::env::args().skip(1);
    let dir = PathBuf::from(words.next().expect("DIR"));
    let first: u32 = words.next().expect("FIRST").parse().expect("a number");
    let count = words.next().map_or(u32::MAX - first, |count| count.parse().expect("a number"));
    let large = words.next().map_or(LARGE, |bytes| bytes.parse().expect("a number"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match runtime.block_on(submit(dir, first..first + count, large)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("failed {}", error.chain().replace('\n', " ")));
            std::process::ExitCode::FAILURE
        }
    }
}

async fn submit(dir: PathBuf, numbers: Range<u32>, large: usize) -> Result<(), Error> {
    let local = Arc::new(Local::open(&dir, LocalConfig { slots: Some(AT_ONCE), ..config() }).await?);
    let next = Arc::new(AtomicU32::new(numbers.start));
    let submitters = (0..AT_ONCE).map(|_| {
        let (local, next, end) = (local.clone(), next.clone(), numbers.end);
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return;
                }
                if let Err(error) = one(&local, number, large).await {
                    tell(&format!("refused {number} {}", error.class().code));
                    if let Err(error) = local.host().ready().await {
                        tell(&format!("unready {number} {}", error.class().code));
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        })
    });
    for submitter in futures::future::join_all(submitters).await {
        submitter.map_err(|error| Error::fault("load", error))?;
    }
    local.host().shutdown(Duration::from_secs(1)).await
}

async fn one(local: &Local, number: u32, large: usize) -> Result<(), Error> {
    tell(&format!("try {number}"));
    let request = load::request(number, large);
    let input = request.input.clone();
    let handle = local.host().submit(request).await?;
    tell(&format!("ack {number} {}", handle.id()));
    if load::is_endless(number) {
        handle.cancel("as was planned").await?;
        tell(&format!("cancelled {number}"));
    } else {
        let output = handle.result(Duration::from_secs(60)).await?;
        assert!(output == input, "{number}");
        tell(&format!("done {number}"));
    }
    Ok(())
}

/// One write, so that no line is torn; whoever reads may be gone, and then so is this.
fn tell(line: &str) {
    let told = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    if told.is_err() {
        std::process::exit(1);
    }
}
