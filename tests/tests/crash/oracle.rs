//! What was told before the crash, and whether it is still true after it. The rules are those of the reliability notes, §4.1.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use au_host::store::Filter;
use au_host::{Error, Handle, JobId, Local, Status};
use au_tests::guest;
use au_tests::load::{self, LARGE};

const LONG: Duration = Duration::from_secs(60);

/// What a client was told.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) tried: BTreeSet<u32>,
    pub(crate) acked: BTreeMap<u32, JobId>,
    pub(crate) done: BTreeSet<u32>,
    pub(crate) cancelled: BTreeSet<u32>,
    pub(crate) refused: BTreeMap<u32, String>,
    /// The codes that a refusal may have where it was killed or its disk failed; none, where nothing but a kill came to pass.
    pub(crate) refusals: &'static [&'static str],
}

impl History {
    pub(crate) fn note(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u32>().ok());
        match (words[0], number(1), words.get(2)) {
            ("try", Some(number), _) => drop(self.tried.insert(number)),
            ("ack", Some(number), Some(id)) => {
                // A line that was cut short acknowledges nothing.
                if let Ok(id) = id.parse() {
                    self.acked.insert(number, id);
                }
            }
            ("done", Some(number), _) => drop(self.done.insert(number)),
            ("cancelled", Some(number), _) => drop(self.cancelled.insert(number)),
            ("refused", Some(number), Some(code)) => drop(self.refused.insert(number, (*code).to_owned())),
            _ => {}
        }
    }

    /// Opens the folder as a host does after a crash, lets it run what is left, and holds everything against what was told.
    /// What is wrong, rule by rule.
    pub(crate) fn broken(&self, dir: &Path) -> Vec<String> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let config = au_host::LocalConfig { slots: Some(32), ..guest::config() };
            match Local::open(dir, config).await {
                Ok(local) => self.examine(local, dir).await,
                Err(error) => vec![format!("R1: the folder cannot be opened: {}", error.chain())],
            }
        })
    }

    async fn examine(&self, local: Local, dir: &Path) -> Vec<String> {
        let mut broken = Vec::new();
        self.cancel_the_endless(&local).await;
        for (number, id) in &self.acked {
            if let Err(why) = self.one(&local, *number, *id).await {
                broken.push(why);
            }
        }
        if let Err(why) = self.keys(&local).await {
            broken.push(why);
        }
        for number in self.tried.iter().filter(|number| !self.acked.contains_key(number)) {
            if let Err(why) = unacknowledged(&local, *number).await {
                broken.push(why);
            }
        }
        if tokio::time::timeout(LONG, local.host().idle()).await.is_err() {
            broken.push("R9: it is never idle".into());
        }
        if let Err(error) = local.close(Duration::from_secs(1)).await {
            broken.push(format!("R9: it does not close: {}", error.chain()));
        }
        broken.extend(leftovers(dir).await);
        broken.extend(self.refused_otherwise());
        broken
    }

    fn refused_otherwise(&self) -> impl Iterator<Item = String> {
        let others = self.refused.iter().filter(|(_, code)| !self.refusals.contains(&code.as_str()));
        others.map(|(number, code)| format!("S3, S4: {number} was refused with {code}, not {:?}", self.refusals))
    }

    /// Jobs whose cancel was never acknowledged would run on.
    async fn cancel_the_endless(&self, local: &Local) {
        let filter = Filter { function: Some("spin".into()), ..Filter::default() };
        for job in local.host().list(filter, None, 100_000).await.unwrap_or_default() {
            if !job.status.is_finished() {
                // It may end meanwhile.
                drop(local.host().handle(job.id).cancel("the test is over").await);
            }
        }
    }

    async fn one(&self, local: &Local, number: u32, id: JobId) -> Result<(), String> {
        let handle = local.host().handle(id);
        let before = handle.status().await.map_err(|error| format!("R1: {number} is lost: {error}"))?;
        if self.done.contains(&number) && before != Status::Completed {
            return Err(format!("R8: {number} was completed, and is {before}"));
        }
        match handle.result(LONG).await {
            Ok(_) if self.cancelled.contains(&number) => Err(format!("R6: {number} was cancelled, and completed")),
            Ok(output) if output == load::request(number, LARGE).input => Ok(()),
            Ok(output) => Err(format!("R4: {number} gave {} bytes that are not its input", output.len())),
            Err(Error::Cancelled { .. }) if load::is_endless(number) => Ok(()),
            Err(error) => Err(format!("R2: {number} ended with {error}")),
        }?;
        let (first, again) = (handle.metadata().await, handle.metadata().await);
        match (first, again) {
            (Ok(first), Ok(again)) if first == again => Ok(()),
            (first, again) => Err(format!("R3: {number} changed after its end: {first:?} {again:?}")),
        }
    }

    /// A submit that is repeated gives the same job.
    async fn keys(&self, local: &Local) -> Result<(), String> {
        for (number, id) in self.acked.iter().step_by(self.acked.len() / 50 + 1) {
            let again = submit(local, *number).await?;
            if again.id() != *id {
                return Err(format!("R5: {number} is two jobs: {id} and {}", again.id()));
            }
        }
        Ok(())
    }
}

async fn submit(local: &Local, number: u32) -> Result<Handle, String> {
    let submitted = local.host().submit(load::request(number, LARGE)).await;
    submitted.map_err(|error| format!("R5: {number} cannot be submitted again: {}", error.chain()))
}

/// Nobody knows whether a job that was tried is there. Whoever asks again has one, whichever, and it does what it should.
async fn unacknowledged(local: &Local, number: u32) -> Result<(), String> {
    let (first, again) = (submit(local, number).await?, submit(local, number).await?);
    if first.id() != again.id() {
        return Err(format!("R5: {number} is two jobs: {} and {}", first.id(), again.id()));
    }
    if load::is_endless(number) {
        // It may have been cancelled before it was asked for again.
        drop(first.cancel("the test is over").await);
    }
    match first.result(LONG).await {
        Ok(output) if output == load::request(number, LARGE).input => Ok(()),
        Ok(output) => Err(format!("R4: {number} gave {} bytes that are not its input", output.len())),
        Err(Error::Cancelled { .. }) if load::is_endless(number) => Ok(()),
        Err(error) => Err(format!("R2: {number}, which was not acknowledged, ended with {error}")),
    }
}

/// R9: nothing is left over, once the last task has gone that had the store: until then its lock file is there.
async fn leftovers(dir: &Path) -> Vec<String> {
    let began = Instant::now();
    loop {
        let left = left_now(dir);
        if left.is_empty() || began.elapsed() > LONG {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn left_now(dir: &Path) -> Vec<String> {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(dir.join(folder)).map(|entries| entries.flatten().collect::<Vec<_>>());
        entries.unwrap_or_default().into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    let workers = names("workers").map(|name| format!("R9: the lock file {name} is left"));
    let torn = names("payloads").filter(|name| name.ends_with(".new")).map(|name| format!("R9: {name} is left"));
    workers.chain(torn).collect()
}
