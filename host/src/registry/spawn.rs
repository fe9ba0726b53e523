//! The parent of a compile child: starts it, feeds it, waits no longer than it may take, and says what its death means.

use std::io::{Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::child::{ARGUMENT, REFUSED, STALE};
use super::compiler::Order;
use super::verdict::Refusal;
use crate::error::{Error, Result};
use crate::failure::clean;

/// CPython of 18 MB takes 12 s here, and would take three times that on a slow machine.
const SECONDS: u64 = 10;
const SECONDS_PER_MIB: u64 = 2;
/// Other processes want the processors too.
const WALL_PER_CPU: u32 = 2;
const CODE_LIMIT: u64 = 512 << 20;
const TALK_LIMIT: u64 = 64 << 10;
/// A child that has closed its stdout is at its end; one that stays all the same is killed.
const LINGER: Duration = Duration::from_secs(2);
const PANICKED: i32 = 101;

/// Compiles in a child of `program`.
pub(super) fn compile(program: &Path, order: &Order<'_>) -> Result<Vec<u8>> {
    let seconds = SECONDS + SECONDS_PER_MIB * (order.bytes.len() as u64 >> 20);
    let child = start(program, order, seconds).map_err(|error| {
        Error::fault("compiler", std::io::Error::new(error.kind(), format!("{}: {error}", program.display())))
    })?;
    let ending = attend(child, order.bytes, Duration::from_secs(seconds) * WALL_PER_CPU);
    judge(ending, program, seconds)
}

fn start(program: &Path, order: &Order<'_>, seconds: u64) -> std::io::Result<Child> {
    // A path is meant from where this process is, and not from `/`; a bare name is looked for on `PATH`.
    let path = program.components().nth(1).map(|_| std::path::absolute(program)).transpose()?;
    Command::new(path.as_deref().unwrap_or(program))
        .args([ARGUMENT, order.profile.name(), &order.engine.hex(), &seconds.to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for the host: a child that died of it would look like a module that crashes the compiler.
        .process_group(0)
        .spawn()
}

struct Ending {
    status: std::io::Result<ExitStatus>,
    timed_out: bool,
    code: std::io::Result<Vec<u8>>,
    talk: String,
}

fn attend(mut child: Child, bytes: &[u8], wall: Duration) -> Ending {
    #[cfg(target_os = "linux")]
    // The first to go when memory runs out. It cannot do this itself under its own limit on file sizes.
    let _ = std::fs::write(format!("/proc/{}/oom_score_adj", child.id()), "1000");
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || {
            // A child that ended early does not read on; its status says why.
            let _ = stdin.map(|mut pipe| pipe.write_all(bytes));
        });
        let talk = scope.spawn(move || {
            let mut talk = Vec::new();
            // What was said before a pipe broke is all there is.
            let _ = stderr.map(|pipe| pipe.take(TALK_LIMIT).read_to_end(&mut talk));
            String::from_utf8_lossy(&talk).into_owned()
        });
        let (sender, receiver) = mpsc::sync_channel(1);
        scope.spawn(move || {
            let mut code = Vec::new();
            let read = stdout.map_or(Ok(0), |pipe| pipe.take(CODE_LIMIT + 1).read_to_end(&mut code));
            // Nobody listens after the time is over.
            let _ = sender.send(read.map(|_| code));
        });
        let code = receiver.recv_timeout(wall);
        let timed_out = code.is_err();
        let status = end(&mut child, if timed_out { Duration::ZERO } else { LINGER });
        Ending {
            status,
            timed_out,
            code: code.unwrap_or_else(|_| Ok(Vec::new())),
            talk: talk.join().unwrap_or_default(),
        }
    })
}

fn end(child: &mut Child, linger: Duration) -> std::io::Result<ExitStatus> {
    let until = Instant::now() + linger;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(1));
    }
    // The whole group: whatever the child started holds its pipes open. It is not reaped yet, so its id is still its own.
    rustix::process::kill_process_group(rustix::process::Pid::from_child(child), Signal::KILL)?;
    child.wait()
}

fn judge(ending: Ending, program: &Path, seconds: u64) -> Result<Vec<u8>> {
    let fault = |why: String| Err(Error::fault("compiler", why));
    let status = ending.status.map_err(|error| Error::fault("compiler", error))?;
    if ending.timed_out || status.signal() == Some(Signal::XCPU.as_raw()) {
        let why = format!("compiling it takes more than {seconds} s of CPU time");
        return Err(Refusal::new("compile_timeout", why).into());
    }
    match (status.code(), status.signal()) {
        (Some(0), _) => finished(ending.code),
        (Some(code), _) if code == i32::from(REFUSED) => refused(&ending.talk),
        (Some(code), _) if code == i32::from(STALE) => {
            fault(format!("{} is of another build than this program; build or install both anew", program.display()))
        }
        (Some(PANICKED), _) => Err(crashed(&ending.talk)),
        (_, Some(signal)) if fatal(signal) => Err(crashed(&ending.talk)),
        _ => {
            let said = clean(ending.talk.trim(), 512);
            let said = if said.is_empty() { " and said nothing".into() } else { format!(": {said}") };
            fault(format!("{} ended with {status}{said}", program.display()))
        }
    }
}

/// Signals that a compile brings upon itself. Others were sent by somebody, and say nothing of the module.
fn fatal(signal: i32) -> bool {
    [Signal::KILL, Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::ILL].iter().any(|known| known.as_raw() == signal)
}

fn finished(code: std::io::Result<Vec<u8>>) -> Result<Vec<u8>> {
    let code = code.map_err(|error| Error::fault("compiler", error))?;
    if code.len() as u64 > CODE_LIMIT {
        return Err(Refusal::new("limit:code", format!("it compiles to more than {CODE_LIMIT} bytes")).into());
    }
    Ok(code)
}

fn refused(talk: &str) -> Result<Vec<u8>> {
    let refusal: Refusal = serde_json::from_str(talk).map_err(|error| Error::fault("compiler", error))?;
    if out_of_memory(&refusal.why) {
        return Err(oom().into());
    }
    Err(refusal.into())
}

fn crashed(talk: &str) -> Error {
    // The kernel's OOM killer says nothing at all.
    if talk.trim().is_empty() || out_of_memory(talk) {
        return oom().into();
    }
    Refusal::new("compile_crashed", format!("the compiler failed on it: {}", clean(talk.trim(), 512))).into()
}

fn out_of_memory(talk: &str) -> bool {
    ["memory allocation of", "Cannot allocate memory", "out of memory"].iter().any(|sign| talk.contains(sign))
}

fn oom() -> Refusal {
    Refusal::new("compile_oom", "compiling it takes more than 2 GiB of memory")
}
