//! What goes between a host and a worker: messages in MessagePack, each with its length before it, none longer than a bound.
//!
//! Inputs, outputs and long lines go in pieces, so that a heartbeat never waits behind one and neither side reserves what the other
//! has only announced. One line carries one attempt at a time: what runs several has several lines.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Decoder as _, Encoder as _, LengthDelimitedCodec};

use crate::attempt::{Attempt, Level, Progress, Usage};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::id::{Digest, JobId};
use crate::payload::Payload;
use crate::sandbox::Sandbox;

/// The version of these messages. Hosts and workers of different ones do not talk.
pub(crate) const VERSION: u32 = 1;
/// Longest frame, in bytes. What is sent before the input is within the bounds of a request, which are smaller.
const FRAME_LIMIT: usize = 4 << 20;
/// Longest piece of an input, an output or a line, in bytes.
const PIECE: usize = 256 << 10;

/// What a host tells a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// Run this. Its input follows.
    Start(Box<Head>),
    /// The next piece of the input.
    Input(Bytes),
    /// Stop what runs. There is an answer all the same.
    Cancel,
}

/// What a worker tells its host.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToHost {
    /// It is there, and of this version.
    Ready(u32),
    /// It lives.
    Beat,
    /// A line of the log.
    Log(Line),
    /// The latest progress.
    Progress(Progress),
    /// The next piece of the output.
    Output(Bytes),
    /// The attempt has ended; its output came before.
    Done(Box<Ended>),
    /// The attempt was not run, for this reason; another time it may be.
    Refused(String),
}

/// An attempt without its input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    job: JobId,
    number: u32,
    module: Digest,
    function: String,
    content_type: String,
    /// Bytes of the input that is to come.
    pub(crate) input: u64,
    sandbox: Sandbox,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    module_name: Option<String>,
    #[serde(default)]
    hops: u8,
}

/// A line, or a piece of one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) text: String,
    /// Whether the line goes on in the next message.
    pub(crate) goes_on: bool,
}

/// A report without its output.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// The media type of the output, or why there is none.
    pub(crate) outcome: Result<String, Failure>,
    pub(crate) usage: Usage,
}

impl Head {
    fn of(attempt: &Attempt) -> Self {
        let Attempt { job, number, module, function, input, sandbox, labels, module_name, hops } = attempt;
        Self {
            job: *job,
            number: *number,
            module: *module,
            function: function.clone(),
            content_type: input.content_type().to_owned(),
            input: input.len(),
            sandbox: sandbox.clone(),
            labels: labels.clone(),
            module_name: module_name.clone(),
            hops: *hops,
        }
    }

    /// The attempt, with its input.
    pub(crate) fn attempt(self, input: Bytes) -> Result<Attempt> {
        let Self { job, number, module, function, content_type, sandbox, labels, module_name, hops, .. } = self;
        let input = Payload::new(&content_type, input)?;
        Ok(Attempt { job, number, module, function, input, sandbox, labels, module_name, hops })
    }
}

/// An attempt as a worker is told of it.
pub(crate) fn attempt(attempt: &Attempt) -> Result<BytesMut> {
    let mut out = BytesMut::new();
    write(&ToWorker::Start(Box::new(Head::of(attempt))), &mut out)?;
    for piece in pieces(attempt.input.bytes()) {
        write(&ToWorker::Input(piece), &mut out)?;
    }
    Ok(out)
}

/// A line as its host is told of it.
pub(crate) fn line(level: Level, line: &str) -> Result<BytesMut> {
    let mut out = BytesMut::new();
    let mut rest = line;
    loop {
        let (text, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        write(&ToHost::Log(Line { level, text: text.to_owned(), goes_on: !after.is_empty() }), &mut out)?;
        if after.is_empty() {
            return Ok(out);
        }
        rest = after;
    }
}

/// The end of an attempt as its host is told of it: first the output, then the rest.
pub(crate) fn report(report: &crate::attempt::Report) -> Result<BytesMut> {
    let mut out = BytesMut::new();
    let outcome = match &report.outcome {
        Ok(output) => {
            for piece in pieces(output.bytes()) {
                write(&ToHost::Output(piece), &mut out)?;
            }
            Ok(output.content_type().to_owned())
        }
        Err(failure) => Err(failure.clone()),
    };
    write(&ToHost::Done(Box::new(Ended { outcome, usage: report.usage.clone() })), &mut out)?;
    Ok(out)
}

/// The attempt that these frames are, all of them.
#[cfg(feature = "http")]
pub(crate) fn told(bytes: &[u8]) -> Result<Attempt> {
    let bad = |why: &str| Error::invalid("attempt", why);
    let mut frames = Frames::new();
    frames.bytes.extend_from_slice(bytes);
    let mut next = || frames.next().map_err(|error| bad(&error.chain()));
    let Some(ToWorker::Start(head)) = next()? else { return Err(bad("it begins with no start")) };
    let mut input = BytesMut::new();
    while let Some(told) = next()? {
        let ToWorker::Input(piece) = told else { return Err(bad("something other than its input follows")) };
        input.extend_from_slice(&piece);
    }
    if input.len() as u64 != head.input || !frames.bytes.is_empty() {
        return Err(bad("its input is not as long as it says"));
    }
    head.attempt(input.freeze())
}

/// Any other message.
pub(crate) fn message(message: &impl Serialize) -> Result<BytesMut> {
    let mut out = BytesMut::new();
    write(message, &mut out)?;
    Ok(out)
}

fn write(message: &impl Serialize, out: &mut BytesMut) -> Result<()> {
    let bytes = rmp_serde::to_vec_named(message).map_err(|error| Error::fault("frames", error))?;
    codec().encode(Bytes::from(bytes), out).map_err(|error| Error::fault("frames", error))
}

fn pieces(bytes: &Bytes) -> impl Iterator<Item = Bytes> {
    (0..bytes.len()).step_by(PIECE).map(|at| bytes.slice(at..bytes.len().min(at + PIECE)))
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(FRAME_LIMIT).new_codec()
}

/// Bytes as they come in, and the messages they are.
#[derive(Debug)]
pub(crate) struct Frames {
    codec: LengthDelimitedCodec,
    /// To be filled from where the bytes come from.
    pub(crate) bytes: BytesMut,
}

impl Frames {
    pub(crate) fn new() -> Self {
        Self { codec: codec(), bytes: BytesMut::new() }
    }

    /// The next message, if all of it is there.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let frame = self.codec.decode(&mut self.bytes).map_err(|error| Error::fault("frames", error))?;
        frame.map(|frame| rmp_serde::from_slice(&frame).map_err(|error| Error::fault("frames", error))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::Report;
    use crate::failure::FailureKind;
    use crate::time::Timestamp;

    fn read<T: DeserializeOwned>(bytes: &[u8]) -> Vec<T> {
        let mut frames = Frames::new();
        let mut read = Vec::new();
        // A byte at a time: a message is whole or is not there.
        for byte in bytes {
            frames.bytes.extend_from_slice(&[*byte]);
            read.extend(frames.next().unwrap());
        }
        read
    }

    #[test]
    fn an_attempt_arrives_as_it_was_sent_in_pieces() {
        let sent = Attempt {
            job: JobId::new(Timestamp::from_micros(7)),
            number: 3,
            module: Digest::of(b"x"),
            function: "größe".into(),
            input: Payload::new("text/plain", vec![0xc1; 2 * PIECE + 1]).unwrap(),
            sandbox: Sandbox::default(),
            labels: [("needs".into(), "gpu".into())].into(),
            module_name: Some("x".into()),
            hops: 3,
        };
        let mut told = read(&attempt(&sent).unwrap()).into_iter();
        let Some(ToWorker::Start(head)) = told.next() else { panic!("it starts with a start") };
        assert_eq!(head.input, 2 * PIECE as u64 + 1);
        let mut input = BytesMut::new();
        assert_eq!(told.len(), 3);
        for piece in told {
            let ToWorker::Input(piece) = piece else { panic!("{piece:?}") };
            input.extend_from_slice(&piece);
        }
        assert_eq!(format!("{:?}", head.attempt(input.freeze()).unwrap()), format!("{sent:?}"));
    }

    #[test]
    fn a_failure_and_a_long_line_arrive_as_they_were_sent() {
        let failure = Failure::new(FailureKind::Trap, "x").with_limit("stack", 5).with_trace(vec!["f".into()]);
        let told: Vec<ToHost> = read(&report(&Report::failed(failure.clone())).unwrap());
        assert!(matches!(&*told, [ToHost::Done(ended)] if ended.outcome == Err(failure)));
        let long = "ä".repeat(PIECE);
        let told: Vec<ToHost> = read(&line(Level::Warn, &long).unwrap());
        let text: String = told
            .iter()
            .map(|told| match told {
                ToHost::Log(line) => &*line.text,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!((text, told.len()), (long, 2));
    }

    #[test]
    fn a_frame_that_says_it_is_longer_than_any_is_an_error_before_it_is_there() {
        let mut frames = Frames::new();
        frames.bytes.extend_from_slice(&u32::MAX.to_be_bytes());
        assert!(frames.next::<ToHost>().is_err());
        let mut frames = Frames::new();
        frames.bytes.extend_from_slice(&[0, 0, 0, 2, 0xc1, 0xc1]);
        assert!(frames.next::<ToHost>().is_err());
    }
}
