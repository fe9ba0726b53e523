//! The two records a job is kept as: its spec, written once, and its state, written with every transition.
//!
//! Payloads are kept beside them, in the same row or in a file; here is only what and where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use super::codec::{Damage, Decoder, Encoder};
use crate::attempt::{Level, LogEntry, Progress, Usage};
use crate::error::Error;
use crate::failure::FailureKind;
use crate::id::{Digest, JobId, WorkerId};
use crate::job::{CancelRequest, IdempotencyKey, Job, KeyHolds, Options, Phase, Size, Spec, State, Status, Summary};
use crate::payload::Payload;
use crate::retry::{Backoff, Retry};
use crate::sandbox::{Grants, Limits, Sandbox};
use crate::time::Timestamp;
use crate::trace::TraceState;

const SPEC: u8 = 1;
const STATE: u8 = 1;
const LOG: u8 = 1;
/// Parts of a spec that came after its format was made: each is a number and a text, after all else, and only where it says something.
/// So a record without them is as it always was; a reader passes over those it does not know. No number is ever given anew.
const WEBHOOK: u64 = 1;
/// See [`WEBHOOK`].
const TRACE: u64 = 2;
/// See [`WEBHOOK`]. What [`Retry`] has beside what the format has a place for, as JSON.
const RETRY: u64 = 3;
/// See [`WEBHOOK`].
const QUEUE: u64 = 4;
/// See [`WEBHOOK`]. The concurrency key.
const KEY: u64 = 5;
/// See [`WEBHOOK`].
const TRACE_STATE: u64 = 6;

/// As [`WEBHOOK`], of a state. The attempts that have ended, as JSON.
const PAST: u64 = 1;

/// What a payload is, and where its bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Stored {
    pub(in crate::store) content_type: String,
    pub(in crate::store) length: u64,
    pub(in crate::store) checksum: u32,
    /// The file it is in; `None`: in the row.
    pub(in crate::store) file: Option<String>,
}

impl Stored {
    pub(in crate::store) fn new(payload: &Payload, file: Option<String>) -> Self {
        let checksum = crc32fast::hash(payload.bytes());
        Self { content_type: payload.content_type().to_owned(), length: payload.len(), checksum, file }
    }

    /// The payload these bytes are, if they are the ones that were stored.
    pub(in crate::store) fn payload(&self, bytes: Bytes) -> Result<Payload, Damage> {
        if bytes.len() as u64 != self.length {
            return Err(Damage::new(format!("its payload has {} bytes instead of {}", bytes.len(), self.length)));
        }
        if crc32fast::hash(&bytes) != self.checksum {
            return Err(Damage::new("the checksum of its payload does not match"));
        }
        Payload::new(&self.content_type, bytes).map_err(|error| Damage::new(error.to_string()))
    }

    fn size(&self) -> Size {
        Size { content_type: self.content_type.clone(), bytes: self.length }
    }

    fn write(&self, to: &mut Encoder) {
        to.text(&self.content_type);
        to.number(self.length);
        to.raw(&self.checksum.to_le_bytes());
        to.optional(self.file.as_deref(), Encoder::text);
    }

    fn read(from: &mut Decoder<'_>) -> Result<Self, Damage> {
        Ok(Self {
            content_type: from.text()?.to_owned(),
            length: from.number()?,
            checksum: u32::from_le_bytes(from.array()?),
            file: from.optional(|from| Ok(from.text()?.to_owned()))?,
        })
    }
}

/// A read that went well, or found the record damaged.
pub(in crate::store) type Checked<T> = Result<T, (JobId, Damage)>;

/// The error of a damaged record.
pub(in crate::store) fn corrupt((id, damage): (JobId, Damage)) -> Error {
    Error::Corrupt { what: format!("job {id}"), why: damage.to_string() }
}

/// A job as its records tell it, the bytes of its payloads still to come.
#[derive(Clone, Debug)]
pub(in crate::store) struct Record {
    job: Job,
    pub(in crate::store) input: Stored,
    pub(in crate::store) output: Option<Stored>,
}

impl Record {
    /// The job of these two records.
    pub(in crate::store) fn read(id: JobId, spec: &[u8], state: &[u8]) -> Result<Self, Damage> {
        let (spec, input) = read_spec(id, spec)?;
        let (state, output) = read_state(state)?;
        Ok(Self { job: Job { spec, state }, input, output })
    }

    pub(in crate::store) fn spec(&self) -> &Spec {
        &self.job.spec
    }

    pub(in crate::store) fn state(&self) -> &State {
        &self.job.state
    }

    /// `Expired` once its time to live has run out.
    pub(in crate::store) fn unexpired(&self, now: Timestamp) -> Result<(), Error> {
        match self.state().expires(self.spec()) {
            Some(at) if at <= now => Err(Error::Expired(self.spec().id)),
            _ => Ok(()),
        }
    }

    /// The same job in its next state, which has no output yet.
    pub(in crate::store) fn with_state(mut self, state: State) -> Self {
        self.job.state = state;
        self
    }

    pub(in crate::store) fn summary(&self) -> Summary {
        let output = self.output.as_ref().map(Stored::size);
        Summary { input: self.input.size(), output, ..self.job.summary() }
    }

    pub(in crate::store) fn into_job(mut self, input: Payload, output: Option<Payload>) -> Job {
        self.job.spec.input = input;
        if let (Phase::Completed { output: place, .. }, Some(output)) = (&mut self.job.state.phase, output) {
            *place = output;
        }
        self.job
    }
}

pub(in crate::store) fn write_spec(spec: &Spec, input: &Stored) -> Vec<u8> {
    let options = &spec.options;
    let mut to = Encoder::new(SPEC);
    to.signed(spec.created.as_micros());
    to.raw(spec.module.as_bytes());
    to.text(&spec.function);
    input.write(&mut to);
    write_limits(&mut to, &options.sandbox.limits);
    let grants = Some(&options.sandbox.grants).filter(|grants| !grants.is_empty());
    to.optional(grants, Encoder::json);
    to.number(options.retry.attempts.into());
    write_span(&mut to, options.retry.delay);
    write_span(&mut to, options.retry.max_delay);
    to.signed(options.run_at.as_micros());
    to.signed(options.priority.into());
    to.optional(options.ttl, write_span);
    to.optional(options.key.as_ref(), |to, key| {
        to.number(u64::from(key.holds == KeyHolds::UntilFinished));
        to.text(&key.name);
    });
    to.optional(options.principal.as_deref(), Encoder::text);
    to.number(options.labels.len() as u64);
    for (name, value) in &options.labels {
        to.text(name);
        to.text(value);
    }
    to.optional(options.module_name.as_deref(), Encoder::text);
    if let Some(webhook) = &options.webhook {
        to.number(WEBHOOK);
        to.text(webhook.as_str());
    }
    if let Some(trace) = &options.trace {
        to.number(TRACE);
        to.text(&trace.to_string());
    }
    let Retry { backoff, jitter, on, .. } = &options.retry;
    let more = RetryMore { backoff: *backoff, jitter: *jitter, on: on.clone() };
    if more != RetryMore::default() {
        to.number(RETRY);
        to.json(&more);
    }
    let state = options.trace_state.as_ref().map(TraceState::as_str);
    for (part, text) in
        [(QUEUE, options.queue.as_deref()), (KEY, options.concurrency_key.as_deref()), (TRACE_STATE, state)]
    {
        if let Some(text) = text {
            to.number(part);
            to.text(text);
        }
    }
    to.seal()
}

/// The group of the job of this record: for those that were kept before there were any.
#[cfg(any(feature = "file", feature = "postgres"))]
pub(in crate::store) fn lanes(id: JobId, spec: &[u8]) -> Result<Vec<u8>, Damage> {
    read_spec(id, spec).map(|(spec, _)| super::columns::lanes(&spec))
}

/// The part of a retry policy that came later.
#[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct RetryMore {
    backoff: Backoff,
    jitter: u8,
    on: Option<BTreeSet<FailureKind>>,
}

fn read_spec(id: JobId, sealed: &[u8]) -> Result<(Spec, Stored), Damage> {
    let from = &mut Decoder::open(sealed, SPEC)?;
    let created = Timestamp::from_micros(from.signed()?);
    let module = Digest::from_bytes(from.array()?);
    let function = from.text()?.to_owned();
    let stored = Stored::read(from)?;
    let input = empty(&stored)?;
    let limits = read_limits(from)?;
    let grants = from.optional(Decoder::json::<Grants>)?.unwrap_or_default();
    let (attempts, delay, max_delay) = (from.narrow()?, read_span(from)?, read_span(from)?);
    let run_at = Timestamp::from_micros(from.signed()?);
    let priority = i32::try_from(from.signed()?).map_err(|_| Damage::new("its priority is too large"))?;
    let ttl = from.optional(read_span)?;
    let key = from.optional(|from| {
        let holds = if from.number()? == 0 { KeyHolds::WhileKept } else { KeyHolds::UntilFinished };
        Ok(IdempotencyKey { name: from.text()?.to_owned(), holds })
    })?;
    let principal = from.optional(read_text)?;
    let mut labels = BTreeMap::new();
    for _ in 0..from.number()? {
        labels.insert(read_text(from)?, read_text(from)?);
    }
    let module_name = from.optional(read_text)?;
    let (mut webhook, mut trace, mut trace_state, mut more) = (None, None, None, RetryMore::default());
    let (mut queue, mut concurrency_key) = (None, None);
    while !from.is_empty() {
        let (part, text) = (from.number()?, from.text()?);
        match part {
            WEBHOOK => webhook = Some(text.parse().map_err(|_| Damage::new("its webhook is no URL"))?),
            RETRY => more = serde_json::from_str(text).map_err(|error| Damage::new(error.to_string()))?,
            QUEUE => queue = Some(text.to_owned()),
            KEY => concurrency_key = Some(text.to_owned()),
            TRACE => trace = Some(text.parse().map_err(|error: Error| Damage::new(error.to_string()))?),
            // No job is to be given up for what only observers read.
            TRACE_STATE => trace_state = text.parse().ok(),
            _ => {}
        }
    }
    let sandbox = Sandbox { limits, grants };
    let RetryMore { backoff, jitter, on } = more;
    let retry = Retry { attempts, delay, max_delay, backoff, jitter, on };
    let options = Options {
        sandbox,
        retry,
        run_at,
        priority,
        ttl,
        key,
        principal,
        labels,
        module_name,
        webhook,
        trace,
        trace_state,
        queue,
        concurrency_key,
    };
    Ok((Spec { id, created, module, function, input, options }, stored))
}

fn write_limits(to: &mut Encoder, limits: &Limits) {
    let Limits { timeout, memory, fuel, table_elements, instances, output, log_bytes, log_lines, stack } = limits;
    write_span(to, *timeout);
    to.optional(*fuel, Encoder::number);
    for limit in [memory, table_elements, instances, output, log_bytes, log_lines, stack] {
        to.number(*limit);
    }
}

fn read_limits(from: &mut Decoder<'_>) -> Result<Limits, Damage> {
    Ok(Limits {
        timeout: read_span(from)?,
        fuel: from.optional(Decoder::number)?,
        memory: from.number()?,
        table_elements: from.number()?,
        instances: from.number()?,
        output: from.number()?,
        log_bytes: from.number()?,
        log_lines: from.number()?,
        stack: from.number()?,
    })
}

pub(in crate::store) fn write_state(state: &State, output: Option<&Stored>) -> Vec<u8> {
    let mut to = Encoder::new(STATE);
    to.number(state.version);
    to.number(state.attempt.into());
    write_phase(&mut to, &state.phase, output);
    to.optional(state.started, |to, at| to.signed(at.as_micros()));
    to.optional(state.progress.as_ref(), |to, progress| {
        to.raw(&progress.done.to_le_bytes());
        to.text(&progress.note);
    });
    to.optional(state.cancel.as_ref(), |to, cancel| {
        to.signed(cancel.at.as_micros());
        to.text(&cancel.reason);
    });
    to.optional(state.usage.fuel, Encoder::number);
    to.number(state.usage.peak_memory);
    to.number(state.usage.log_dropped);
    to.optional(state.last_failure.as_ref(), Encoder::json);
    if !state.past.is_empty() {
        to.number(PAST);
        to.json(&state.past);
    }
    to.seal()
}

fn write_phase(to: &mut Encoder, phase: &Phase, output: Option<&Stored>) {
    to.number(status_code(phase.into()).unsigned_abs());
    match phase {
        Phase::Pending { run_at } => to.signed(run_at.as_micros()),
        Phase::Running { worker, since } => {
            to.raw(worker.as_bytes());
            to.signed(since.as_micros());
        }
        Phase::Completed { at, .. } => {
            to.signed(at.as_micros());
            to.optional(output, |to, output| output.write(to));
        }
        Phase::Failed { failure, at } => {
            to.signed(at.as_micros());
            to.json(failure);
        }
        Phase::Cancelled { reason, at } => {
            to.signed(at.as_micros());
            to.text(reason);
        }
    }
}

fn read_state(sealed: &[u8]) -> Result<(State, Option<Stored>), Damage> {
    let from = &mut Decoder::open(sealed, STATE)?;
    let version = from.number()?;
    let attempt = from.narrow()?;
    let (phase, output) = read_phase(from)?;
    let started = from.optional(read_time)?;
    let progress =
        from.optional(|from| Ok(Progress { done: f32::from_le_bytes(from.array()?), note: read_text(from)? }))?;
    let cancel = from.optional(|from| Ok(CancelRequest { at: read_time(from)?, reason: read_text(from)? }))?;
    let fuel = from.optional(Decoder::number)?;
    let usage = Usage { fuel, peak_memory: from.number()?, log_dropped: from.number()? };
    let last_failure = from.optional(Decoder::json)?;
    let mut past = Vec::new();
    while !from.is_empty() {
        let (part, text) = (from.number()?, from.text()?);
        if part == PAST {
            // A newer host may have written what this one does not know.
            past = serde_json::from_str(text).unwrap_or_default();
        }
    }
    Ok((State { version, attempt, phase, progress, cancel, started, usage, last_failure, past }, output))
}

fn read_phase(from: &mut Decoder<'_>) -> Result<(Phase, Option<Stored>), Damage> {
    let status = status_of(from.narrow()?).ok_or_else(|| Damage::new("its status is unknown"))?;
    let phase = match status {
        Status::Pending => Phase::Pending { run_at: read_time(from)? },
        Status::Running => Phase::Running { worker: WorkerId::from_bytes(from.array()?), since: read_time(from)? },
        Status::Completed => {
            let at = read_time(from)?;
            let stored = from.optional(Stored::read)?.ok_or_else(|| Damage::new("its output is missing"))?;
            return Ok((Phase::Completed { output: empty(&stored)?, at }, Some(stored)));
        }
        Status::Failed => {
            let at = read_time(from)?;
            Phase::Failed { failure: from.json()?, at }
        }
        Status::Cancelled => {
            let at = read_time(from)?;
            Phase::Cancelled { reason: read_text(from)?, at }
        }
    };
    Ok((phase, None))
}

pub(in crate::store) fn write_log(entries: &[LogEntry]) -> Vec<u8> {
    let mut to = Encoder::new(LOG);
    for entry in entries {
        to.signed(entry.at.as_micros());
        to.number(entry.attempt.into());
        to.number(entry.level as u64);
        to.text(&entry.message);
    }
    to.seal()
}

pub(in crate::store) fn read_log(sealed: &[u8], count: u64) -> Result<Vec<LogEntry>, Damage> {
    const LEVELS: [Level; 5] = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];
    let from = &mut Decoder::open(sealed, LOG)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let (at, attempt) = (read_time(from)?, from.narrow()?);
        let level = LEVELS.get(from.narrow::<usize>()?).ok_or_else(|| Damage::new("a log level in it is unknown"))?;
        entries.push(LogEntry { at, attempt, level: *level, message: read_text(from)? });
    }
    Ok(entries)
}

/// How a status is written in a row. Never renumbered.
pub(in crate::store) fn status_code(status: Status) -> i64 {
    match status {
        Status::Pending => 0,
        Status::Running => 1,
        Status::Completed => 2,
        Status::Failed => 3,
        Status::Cancelled => 4,
    }
}

fn status_of(code: u8) -> Option<Status> {
    Status::ALL.into_iter().find(|status| status_code(*status) == i64::from(code))
}

impl From<&Phase> for Status {
    fn from(phase: &Phase) -> Self {
        match phase {
            Phase::Pending { .. } => Self::Pending,
            Phase::Running { .. } => Self::Running,
            Phase::Completed { .. } => Self::Completed,
            Phase::Failed { .. } => Self::Failed,
            Phase::Cancelled { .. } => Self::Cancelled,
        }
    }
}

fn empty(stored: &Stored) -> Result<Payload, Damage> {
    Payload::new(&stored.content_type, Bytes::new()).map_err(|error| Damage::new(error.to_string()))
}

fn write_span(to: &mut Encoder, span: Duration) {
    to.number(span.as_secs());
    to.number(span.subsec_nanos().into());
}

fn read_span(from: &mut Decoder<'_>) -> Result<Duration, Damage> {
    let (seconds, nanos) = (from.number()?, from.narrow::<u32>()?);
    if nanos >= 1_000_000_000 {
        return Err(Damage::new("a span of time in it is none"));
    }
    Ok(Duration::new(seconds, nanos))
}

fn read_time(from: &mut Decoder<'_>) -> Result<Timestamp, Damage> {
    from.signed().map(Timestamp::from_micros)
}

fn read_text(from: &mut Decoder<'_>) -> Result<String, Damage> {
    from.text().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::PastAttempt;
    use crate::request::Request;

    fn spec(webhook: Option<&str>) -> (Spec, Stored) {
        let input = Payload::json(&[7]).unwrap();
        let mut request = Request::new(Digest::of(b"m").into(), "f", input.clone());
        request.webhook = webhook.map(|url| url.parse().unwrap());
        let sandbox = Sandbox { limits: Limits::default(), grants: Grants::default() };
        let spec = request.spec(Digest::of(b"m"), sandbox, None, Timestamp::from_micros(7));
        (spec, Stored::new(&input, None))
    }

    fn reread(spec: &Spec, sealed: &[u8]) -> Spec {
        let (read, _) = read_spec(spec.id, sealed).unwrap();
        Spec { input: spec.input.clone(), ..read }
    }

    #[test]
    fn a_spec_without_what_came_later_is_kept_as_it_was_before_and_what_comes_later_still_is_passed_over() {
        let (spec, input) = spec(None);
        let sealed = write_spec(&spec, &input);
        // The record ends with the module's name, of which there is none, and the checksum.
        assert_eq!(sealed[sealed.len() - 5], 0);
        assert_eq!(reread(&spec, &sealed), spec);
        let mut later = Encoder::new(SPEC);
        later.raw(&sealed[1..sealed.len() - 4]);
        later.number(1 << 20);
        later.text("of a version to come");
        assert_eq!(reread(&spec, &later.seal()), spec);
    }

    #[test]
    fn a_webhook_is_read_back() {
        let (spec, input) = spec(Some("https://hooks.example/x?y"));
        assert_eq!(reread(&spec, &write_spec(&spec, &input)), spec);
    }

    /// A record with more at its end.
    fn with_more(sealed: &[u8], more: impl FnOnce(&mut Encoder)) -> Vec<u8> {
        let mut to = Encoder::new(SPEC);
        to.raw(&sealed[1..sealed.len() - 4]);
        more(&mut to);
        to.seal()
    }

    #[test]
    fn a_trace_is_a_part_that_others_pass_over_and_costs_nothing_where_there_is_none() {
        let (mut spec, input) = spec(None);
        let plain = write_spec(&spec, &input);
        assert_eq!(read_spec(spec.id, &plain).unwrap().0.options.trace, None);
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        spec.options.trace = Some(trace.parse().unwrap());
        let traced = write_spec(&spec, &input);
        let by_hand = with_more(&plain, |to| {
            to.number(TRACE);
            to.text(trace);
        });
        assert_eq!(traced, by_hand, "the record of before, and a part");
        assert_eq!(read_spec(spec.id, &traced).unwrap().0.options, spec.options);
    }

    #[test]
    fn a_part_of_a_later_version_is_passed_over_and_a_broken_one_is_damage() {
        let (spec, input) = spec(None);
        let plain = write_spec(&spec, &input);
        let part = |number, text: &str| {
            with_more(&plain, |to| {
                to.number(number);
                to.text(text);
            })
        };
        assert_eq!(read_spec(spec.id, &part(99, "news")).unwrap().0.options, spec.options);
        assert!(read_spec(spec.id, &part(TRACE, "news")).is_err());
        assert!(read_spec(spec.id, &with_more(&plain, |to| to.number(99))).is_err());
    }

    #[test]
    fn attempts_that_are_over_are_a_part_of_a_state_that_others_pass_over() {
        let mut state = State::new(&spec(None).0);
        let plain = write_state(&state, None);
        let (now, worker) = (Timestamp::from_micros(9), WorkerId::new(Timestamp::from_micros(9)));
        let past = |number, failure| PastAttempt { number, worker, started: now, ended: now, failure };
        state.past = vec![past(1, Some(FailureKind::Lost)), past(2, None)];
        let sealed = write_state(&state, None);
        assert_eq!(sealed[1..plain.len() - 4], plain[1..plain.len() - 4], "the record of before, and a part");
        assert_eq!(read_state(&sealed).unwrap().0, state);
        let mut later = Encoder::new(STATE);
        later.raw(&sealed[1..sealed.len() - 4]);
        later.number(99);
        later.text("news");
        assert_eq!(read_state(&later.seal()).unwrap().0, state);
    }
}
