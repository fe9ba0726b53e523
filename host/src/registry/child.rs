//! The compile child: `au-host compile-child`. It puts limits on itself, reads WebAssembly from stdin and writes code to stdout.
//!
//! It opens no file, has no environment, and gives every refusal as JSON on stderr.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::aot::EngineHash;
use super::compiler::{engine, translate};
use super::sniff::sniff;
use super::verdict::Refusal;
use crate::backend::wasm::engine::CodeProfile;
use crate::error::{Error, Result};

/// The first argument that makes `au-host` a compile child.
pub(super) const ARGUMENT: &str = "compile-child";
pub(super) const REFUSED: u8 = 3;
pub(super) const STALE: u8 = 4;
const FAILED: u8 = 5;

const ADDRESS_SPACE: u64 = 2 << 30;
const OPEN_FILES: u64 = 16;
/// Between the signal that ends a child out of time and the one that cannot be caught.
const GRACE_SECONDS: u64 = 2;

/// What `au-host compile-child PROFILE ENGINE CPU_SECONDS` does. For the program's `main` only: it limits the whole process.
#[must_use]
pub fn compile_main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ending::Refused(refusal)) => {
            // Nobody is left to tell when stderr is closed.
            let _ = serde_json::to_writer(io::stderr(), &refusal);
            REFUSED.into()
        }
        Err(Ending::Stale) => STALE.into(),
        Err(Ending::Failed(error)) => {
            let _ = writeln!(io::stderr(), "{}", error.chain());
            FAILED.into()
        }
    }
}

enum Ending {
    Refused(Refusal),
    Stale,
    Failed(Error),
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        match error {
            Error::Module { code, why } => Self::Refused(Refusal { code, why }),
            error => Self::Failed(error),
        }
    }
}

fn run() -> Result<(), Ending> {
    let mut arguments = std::env::args().skip(2);
    let mut next =
        |what| arguments.next().ok_or_else(|| Error::invalid("compile child", format!("no {what} was given")));
    let (profile, expected, seconds) = (next("profile")?, next("engine")?, next("CPU time")?);
    let seconds = seconds.parse().map_err(|_| Error::invalid("compile child", "the CPU time is not a number"))?;
    confine(seconds).map_err(|error| Error::fault("compile child", error))?;

    let profile = CodeProfile::all().into_iter().find(|known| known.name() == profile).ok_or(Ending::Stale)?;
    let engine = engine(profile)?;
    if EngineHash::of(&engine).hex() != expected {
        return Err(Ending::Stale);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes).map_err(|error| Error::fault("compile child", error))?;
    let code = translate(&engine, sniff(&bytes)?, &bytes).map_err(Ending::Refused)?;
    io::stdout().write_all(&code).map_err(|error| Error::fault("compile child", error))?;
    Ok(())
}

/// Gives up everything a compile does not need, before a byte of the module is read.
fn confine(cpu_seconds: u64) -> rustix::io::Result<()> {
    let limit = |resource, soft, hard| setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) });
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Cpu, cpu_seconds, cpu_seconds + GRACE_SECONDS)?;
    limit(Resource::Nofile, OPEN_FILES, OPEN_FILES)?;
    // Pipes are not files: what is written to stdout and stderr is not counted.
    limit(Resource::Fsize, 0, 0)?;
    #[cfg(target_os = "linux")]
    {
        // Elsewhere address space is not limited; the CPU limit ends what grows without end.
        limit(Resource::As, ADDRESS_SPACE, ADDRESS_SPACE)?;
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        rustix::thread::set_no_new_privs(true)?;
    }
    Ok(())
}
