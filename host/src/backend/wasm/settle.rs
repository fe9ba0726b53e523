//! What came of an attempt, in words: every way in which a guest can end.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::bindings::{Output, Refusal};
use super::guest::Guest;
use super::limiter::Denied;
use super::stop::{Watch, Why};
use crate::error::{Error, Result};
use crate::failure::{Failure, FailureKind, clean};
use crate::payload::Payload;
use crate::sandbox::Limits;

const FRAME_LIMIT: usize = 256;
const CAUSE_LIMIT: usize = 2_048;
/// How long an engine that is full needs at least to have room again.
pub(super) const BREATH: std::time::Duration = std::time::Duration::from_millis(20);

/// What the epoch callback traps with when the attempt is to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
pub(super) struct Stopped;

/// The output of a call that came back.
pub(super) fn output(result: std::result::Result<Output, Refusal>, limits: &Limits) -> Result<Payload, Failure> {
    let output = match result {
        Ok(output) => output,
        Err(Refusal::InvalidInput(why)) => return Err(Failure::new(FailureKind::InvalidInput, why)),
        Err(Refusal::Failed(why)) => return Err(Failure::new(FailureKind::Failed, why)),
        Err(Refusal::Transient(why)) => return Err(Failure::new(FailureKind::Transient, why)),
    };
    let size = output.bytes.len() as u64;
    if size > limits.output {
        let why = format!("the output has {size} bytes, and the limit of output is {}", limits.output);
        return Err(Failure::new(FailureKind::OutputTooLarge, why).with_limit("output", limits.output));
    }
    Payload::of(output.content_type.into(), output.bytes)
        .map_err(|error| Failure::new(FailureKind::Failed, format!("the output cannot be used: {error}")))
}

/// Why a call did not come back.
///
/// # Errors
/// `Busy` when the engine had no room: the guest did not run.
pub(super) fn failure(error: &wasmtime::Error, guest: &Guest, watch: &Watch, limits: &Limits) -> Result<Failure> {
    if error.is::<PoolConcurrencyLimitError>() {
        return Err(Error::Busy { retry_after: BREATH });
    }
    if error.is::<Stopped>() {
        return Ok(watch.stopped(watch.why().unwrap_or(Why::Cancelled)));
    }
    let trace = trace(error);
    let trap = error.downcast_ref::<Trap>().copied();
    if let Some(failure) = limit_of(trap, error, limits) {
        return Ok(failure.with_trace(trace));
    }
    // What the guest was refused last is why it gave up, however it put it.
    if let Some(denied) = guest.limiter.denied() {
        return Ok(refused(denied, limits).with_trace(trace));
    }
    if let Some(panicked) = &guest.panicked {
        let at = &panicked.location;
        let message = format!("the guest panicked: {} at {at}", panicked.message);
        return Ok(Failure::new(FailureKind::Panic, message).with_trace(vec![at.clone()]));
    }
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return Ok(Failure::new(FailureKind::Failed, format!("the guest ended itself with exit code {code}")));
    }
    let message = match trap {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    Ok(Failure::new(FailureKind::Trap, clean(&message, CAUSE_LIMIT)).with_trace(trace))
}

/// The failures that name a limit by themselves.
fn limit_of(trap: Option<Trap>, error: &wasmtime::Error, limits: &Limits) -> Option<Failure> {
    match trap {
        Some(Trap::StackOverflow) => {
            let message = format!("the guest called more deeply than its stack of {} bytes allows", limits.stack);
            return Some(Failure::new(FailureKind::StackOverflow, message).with_limit("stack", limits.stack));
        }
        Some(Trap::OutOfFuel) => {
            let fuel = limits.fuel.unwrap_or(0);
            let message = format!("the guest used up its fuel of {fuel}");
            return Some(Failure::new(FailureKind::OutOfFuel, message).with_limit("fuel", fuel));
        }
        Some(_) => return None,
        None => {}
    }
    // wasmtime has no types for these.
    let cause = error.root_cause().to_string();
    if cause.contains("instance count too high") || cause.contains("core module instances") {
        let instances = limits.instances;
        let message = format!("the module has more than the {instances} instances that the limit of instances allows");
        return Some(Failure::new(FailureKind::InstanceLimit, message).with_limit("instances", instances));
    }
    if cause.contains("table count too high") {
        let message = "the module has more tables than an attempt may have";
        return Some(
            Failure::new(FailureKind::TableLimit, message).with_limit("tables", super::limiter::TABLES as u64),
        );
    }
    if cause.contains("memory count too high") {
        let message = "the module has more memories than an attempt may have";
        let memories = super::limiter::MEMORIES as u64;
        return Some(Failure::new(FailureKind::OutOfMemory, message).with_limit("memories", memories));
    }
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        let message = format!("the guest handed over more at once than its limit of output, {} bytes", limits.output);
        return Some(Failure::new(FailureKind::OutputTooLarge, message).with_limit("output", limits.output));
    }
    None
}

fn refused(denied: Denied, limits: &Limits) -> Failure {
    match denied {
        Denied::Memory(wanted) => {
            let limit = limits.memory;
            let message =
                format!("the guest wanted {wanted} bytes of memory in all, and the limit of memory is {limit}");
            Failure::new(FailureKind::OutOfMemory, message).with_limit("memory", limit)
        }
        Denied::Table(wanted) => {
            let limit = limits.table_elements;
            let message =
                format!("the guest wanted a table of {wanted} elements, and the limit of table_elements is {limit}");
            Failure::new(FailureKind::TableLimit, message).with_limit("table_elements", limit)
        }
    }
}

/// The functions of a trap, innermost first.
fn trace(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => clean(&format!("{:#}", rustc_demangle::demangle(name)), FRAME_LIMIT),
        None => format!("function {}", frame.func_index()),
    };
    trace.frames().iter().map(name).collect()
}
