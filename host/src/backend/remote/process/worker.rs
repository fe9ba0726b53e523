//! The child itself: `au-host attempt-child MODULES plain|hardened`. It limits itself, then runs one attempt after the other, as
//! its host tells it over the socket that is its stdin.
//!
//! It has no environment, and ends when its host does: the line is closed by that.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::UNSTOPPABLE;
use super::confine::{self, Baseline};
use crate::attempt::{Attempt, Events, Level, Progress};
use crate::backend::remote::frame::{self, Frames, Head, ToHost, ToWorker, VERSION};
use crate::backend::wasm::{Engines, WasmBackend, WasmConfig};
use crate::backend::{Backend as _, Context};
use crate::error::{Error, Result};
use crate::registry::{Compiler, Registry};

const BEAT: Duration = Duration::from_secs(1);
/// Orders that are read ahead.
const ORDERS: usize = 16;
const READ: usize = 64 << 10;

/// What `au-host attempt-child` does. For the program's `main` only: it limits the whole process, and ends it.
#[must_use]
pub fn worker_main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Its host reads this. Nobody is left to tell when it does not.
            let _ = writeln!(std::io::stderr(), "{}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let fault = |error: std::io::Error| Error::fault("worker process", error);
    let mut arguments = std::env::args_os().skip(2);
    let (Some(modules), Some(kind)) = (arguments.next(), arguments.next()) else {
        return Err(Error::invalid("worker process", "it is started by a host, with the folder of its modules"));
    };
    confine::confine().map_err(|error| fault(error.into()))?;
    let line = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().map_err(fault)?);
    let program = std::env::current_exe().map_err(fault)?;
    let registry = Arc::new(Registry::open(&PathBuf::from(modules), Compiler::Child(program))?);
    let hardened = kind == "hardened";
    let config = WasmConfig { attempts: 1, threads: 1, hardened, unstoppable: UNSTOPPABLE, ..WasmConfig::default() };
    let engines = Engines::new(config)?;
    engines.warm()();
    let backend = WasmBackend::of(engines, registry);
    let voice = Arc::new(Voice { line: Mutex::new(line.try_clone().map_err(fault)?), busy: AtomicBool::new(false) });
    let orders = listen(line).map_err(fault)?;
    beat(&voice).map_err(fault)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(fault)?;
    let baseline = Baseline::now();
    voice.say(&frame::message(&ToHost::Ready(VERSION))?);
    runtime.block_on(serve(&backend, orders, &voice, baseline))
}

/// The way to the host. A host that is gone hears nothing, and is about to take this process with it.
#[derive(Debug)]
struct Voice {
    line: Mutex<UnixStream>,
    busy: AtomicBool,
}

impl Voice {
    fn say(&self, frames: &BytesMut) {
        // Who cannot be told is gone: `listen` sees that as well, and ends this process.
        let _ = self.line.lock().unwrap_or_else(PoisonError::into_inner).write_all(frames);
    }

    /// A message that can be written, as all of ours can.
    fn try_say(&self, frames: Result<BytesMut>) {
        match frames {
            Ok(frames) => self.say(&frames),
            Err(error) => tracing::error!(error = error.chain(), "a message could not be written"),
        }
    }
}

impl Events for Voice {
    fn log(&self, level: Level, message: String) {
        self.try_say(frame::line(level, &message));
    }

    fn progress(&self, progress: Progress) {
        self.try_say(frame::message(&ToHost::Progress(progress)));
    }
}

/// Says that the process lives, however busy its guest keeps it, while there is one.
fn beat(voice: &Arc<Voice>) -> std::io::Result<()> {
    let voice = Arc::clone(voice);
    let beating = move || {
        loop {
            thread::sleep(BEAT);
            if voice.busy.load(Ordering::Acquire) {
                voice.try_say(frame::message(&ToHost::Beat));
            }
        }
    };
    thread::Builder::new().name("au-beat".into()).spawn(beating).map(drop)
}

/// Reads what the host says. When that ends, so does the process, whatever its guest is doing.
fn listen(mut line: UnixStream) -> std::io::Result<mpsc::Receiver<ToWorker>> {
    let (sender, receiver) = mpsc::channel(ORDERS);
    let reading = move || {
        let mut frames = Frames::new();
        let mut buffer = vec![0; READ];
        loop {
            match frames.next() {
                Ok(Some(order)) => match sender.blocking_send(order) {
                    Ok(()) => continue,
                    Err(_) => std::process::exit(1),
                },
                Ok(None) => {}
                Err(_) => std::process::exit(1),
            }
            match line.read(&mut buffer) {
                Ok(read @ 1..) => frames.bytes.extend_from_slice(&buffer[..read]),
                _ => std::process::exit(0),
            }
        }
    };
    thread::Builder::new().name("au-orders".into()).spawn(reading)?;
    Ok(receiver)
}

async fn serve(
    backend: &WasmBackend,
    mut orders: mpsc::Receiver<ToWorker>,
    voice: &Arc<Voice>,
    baseline: Baseline,
) -> Result<()> {
    while let Some(order) = orders.recv().await {
        // A cancel may come when what it was for has ended.
        let ToWorker::Start(head) = order else { continue };
        let attempt = taken(*head, &mut orders).await?;
        baseline.confine(&attempt).map_err(|error| Error::fault("worker process", std::io::Error::from(error)))?;
        voice.busy.store(true, Ordering::Release);
        attend(backend, attempt, &mut orders, voice).await?;
        voice.busy.store(false, Ordering::Release);
    }
    Ok(())
}

/// An attempt with its input.
async fn taken(head: Head, orders: &mut mpsc::Receiver<ToWorker>) -> Result<Attempt> {
    let mut input = BytesMut::new();
    while (input.len() as u64) < head.input {
        match orders.recv().await {
            Some(ToWorker::Input(piece)) => input.extend_from_slice(&piece),
            _ => return Err(Error::fault("worker process", "an input broke off")),
        }
    }
    head.attempt(Bytes::from(input))
}

/// Runs an attempt and tells its end.
async fn attend(
    backend: &WasmBackend,
    attempt: Attempt,
    orders: &mut mpsc::Receiver<ToWorker>,
    voice: &Arc<Voice>,
) -> Result<()> {
    let context = Context { events: Arc::clone(voice) as _, cancel: CancellationToken::new() };
    let running = backend.execute(attempt, &context);
    tokio::pin!(running);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut running => break ended,
            _cancel = orders.recv() => context.cancel.cancel(),
        }
    };
    voice.say(&match ended {
        Ok(report) => frame::report(&report)?,
        Err(error) => frame::message(&ToHost::Refused(error.chain()))?,
    });
    Ok(())
}
