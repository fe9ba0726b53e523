//! What a worker says of an attempt, held within what the attempt may do: a worker may lie, for a guest may have taken it over.

use bytes::BytesMut;

use super::frame::{Ended, Line, ToHost};
use crate::attempt::{Outcome, Progress, Report};
use crate::backend::Context;
use crate::backend::log::Log;
use crate::failure::{Failure, LimitHit, clean};
use crate::payload::Payload;
use crate::sandbox::Limits;

/// Entries of a trace that are kept, and bytes of each.
const TRACE: usize = 32;
const TRACE_LINE: usize = 1 << 10;
const LIMIT_NAME: usize = 64;
/// Progress is heard so much oftener than any guest of ours would say it, and no more.
const PROGRESSES: u64 = 1_000_000;

/// What was heard of an attempt so far.
#[derive(Debug)]
pub(super) struct Hearing {
    log: Log,
    /// The beginning of a line that is not whole.
    line: String,
    line_limit: usize,
    output: BytesMut,
    output_limit: u64,
    progresses: u64,
}

/// What a message came to.
#[derive(Debug)]
pub(super) enum Heard {
    /// The attempt goes on.
    Word,
    /// It has ended.
    Report(Report),
    /// It was not run.
    Refused(String),
}

impl Hearing {
    pub(super) fn new(context: &Context, limits: &Limits) -> Self {
        Self {
            log: Log::new(context.events.clone(), limits),
            line: String::new(),
            line_limit: usize::try_from(limits.log_bytes).unwrap_or(usize::MAX),
            output: BytesMut::new(),
            output_limit: limits.output,
            progresses: PROGRESSES,
        }
    }

    /// Takes a message. `Err` says how it cannot be true.
    pub(super) fn take(&mut self, told: ToHost) -> Result<Heard, String> {
        match told {
            ToHost::Ready(_) | ToHost::Beat => {}
            ToHost::Log(line) => self.line(line),
            ToHost::Progress(progress) => {
                self.progresses = self.progresses.checked_sub(1).ok_or("told progress without end")?;
                self.log.events.progress(Progress::new(progress.done, &progress.note));
            }
            ToHost::Output(piece) => {
                if (self.output.len() + piece.len()) as u64 > self.output_limit {
                    return Err(format!("sent more than the {} bytes it may answer", self.output_limit));
                }
                self.output.extend_from_slice(&piece);
            }
            ToHost::Done(ended) => return self.report(*ended).map(Heard::Report),
            ToHost::Refused(why) => return Ok(Heard::Refused(clean(&why, 1 << 10))),
        }
        Ok(Heard::Word)
    }

    fn line(&mut self, piece: Line) {
        // What is longer than the whole log is cut there, whole or not.
        let room = self.line_limit.saturating_add(1).saturating_sub(self.line.len());
        self.line.push_str(&piece.text[..piece.text.ceil_char_boundary(room)]);
        if !piece.goes_on {
            self.log.line(piece.level, &std::mem::take(&mut self.line));
        }
    }

    fn report(&mut self, ended: Ended) -> Result<Report, String> {
        let outcome: Outcome = match ended.outcome {
            Ok(kind) => {
                let output = std::mem::take(&mut self.output).freeze();
                Ok(Payload::new(&kind, output).map_err(|error| format!("answered nonsense: {error}"))?)
            }
            Err(failure) => Err(sound(failure)),
        };
        let mut usage = ended.usage;
        usage.log_dropped = usage.log_dropped.saturating_add(self.log.dropped());
        Ok(Report { outcome, usage })
    }
}

/// A failure with nothing in it that none of ours would have.
fn sound(failure: Failure) -> Failure {
    let limit = failure.limit.map(|hit| LimitHit { name: clean(&hit.name, LIMIT_NAME), value: hit.value });
    let trace = failure.trace.iter().take(TRACE).map(|line| clean(line, TRACE_LINE)).collect();
    Failure { limit, ..Failure::new(failure.kind, failure.message).with_trace(trace) }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::attempt::{Events, Level, Usage};
    use crate::failure::FailureKind;

    #[derive(Debug, Default)]
    struct Ear(Mutex<Vec<String>>);

    impl Events for Ear {
        fn log(&self, _level: Level, message: String) {
            self.0.lock().unwrap().push(message);
        }

        fn progress(&self, progress: Progress) {
            self.0.lock().unwrap().push(format!("{} {}", progress.done, progress.note));
        }
    }

    fn hearing(limits: &Limits) -> (Hearing, Arc<Ear>) {
        let ear = Arc::new(Ear::default());
        let context = Context { events: ear.clone(), ..Context::default() };
        (Hearing::new(&context, limits), ear)
    }

    fn line(text: &str, goes_on: bool) -> ToHost {
        ToHost::Log(Line { level: Level::Info, text: text.into(), goes_on })
    }

    #[test]
    fn a_worker_that_says_more_than_an_attempt_may_is_not_believed() {
        let limits = Limits { log_bytes: 5, log_lines: 2, output: 3, ..Limits::default() };
        let (mut hearing, ear) = hearing(&limits);
        for told in [line("ab", false), line("cdefgh", true), line("ijk", false), line("more", false)] {
            assert!(matches!(hearing.take(told), Ok(Heard::Word)));
        }
        let long = Progress { done: 7.0, note: "n".repeat(1000) };
        hearing.take(ToHost::Progress(long)).unwrap();
        assert_eq!(ear.0.lock().unwrap()[..2], ["ab", "cde"]);
        assert!(ear.0.lock().unwrap()[2].starts_with("1 n") && ear.0.lock().unwrap()[2].len() < 300);
        hearing.take(ToHost::Output("abc".into())).unwrap();
        assert!(hearing.take(ToHost::Output("d".into())).unwrap_err().contains("more than the 3 bytes"));
    }

    #[test]
    fn a_failure_of_a_worker_that_lies_is_cut_and_cleaned() {
        let (mut hearing, _) = hearing(&Limits::default());
        let failure = Failure {
            kind: FailureKind::Trap,
            message: "\u{1b}[31m".repeat(100_000),
            limit: Some(LimitHit { name: "x".repeat(1000), value: 1 }),
            trace: vec!["\u{7}".repeat(10_000); 1000],
        };
        let ended = Ended { outcome: Err(failure), usage: Usage::default() };
        let Ok(Heard::Report(report)) = hearing.take(ToHost::Done(Box::new(ended))) else { panic!("it is over") };
        let failure = report.outcome.unwrap_err();
        assert!(failure.message.len() < 20_000 && !failure.message.contains('\u{1b}'));
        assert!(failure.trace.len() == TRACE && failure.trace[0].len() < 2_000);
        assert!(failure.limit.unwrap().name.len() < 100);
    }
}
