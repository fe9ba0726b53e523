//! One attempt: a fresh store, the call, and what came of it.

use std::sync::Arc;

use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc};
use wasmtime::{Store, UpdateDeadline};

use super::bindings::{Description, Input, Output, Refusal};
use super::guest::{About, Guest};
use super::limiter::Limiter;
use super::pool::Place;
use super::prepared::Prepared;
use super::quick::NotAtOnce;
use super::settle::{self, Stopped};
use super::stop::{Ended, Watch};
use super::wasi;
use crate::attempt::Attempt;
use crate::error::Result;
use crate::failure::{Failure, FailureKind};
use crate::id::JobId;
use crate::payload::Payload;
use crate::sandbox::{Limits, Sandbox};

/// Ticks until a guest first gives way: enough that a short call is not interrupted by a tick that was about to come.
const FIRST_SLICE: u64 = 2;
const SLICE: u64 = 1;
/// The most that a guest hands over in one go. A longer log line ends the attempt; a longer output is too large anyway.
const LARGEST_HANDOVER: u64 = 256 << 20;
const HANDLES: usize = 10_000;

/// Where and within what an attempt runs.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) prepared: Arc<Prepared>,
    pub(super) place: Place,
    pub(super) watch: Arc<Watch>,
}

/// Calls a function.
pub(super) async fn call(seat: Seat, attempt: Arc<Attempt>) -> Result<Ended<Payload>> {
    // Named first so that it is dropped last: the place is free when the store is gone.
    let Seat { prepared, place, watch } = seat;
    let about = About { job: attempt.job, number: attempt.number, handles: place.handles, at_once: false };
    let mut store = match store(&prepared, &watch, about, &attempt.sandbox) {
        Ok(store) => store,
        Err(failure) => return Ok(watch.ended(Err(failure))),
    };
    let called = enter::<_, (Answer,)>(&mut store, &prepared, &prepared.call, given(&attempt)).await;
    ended(called, &store, &watch, &attempt.sandbox.limits)
}

/// Calls a function on the stack of this thread. `None` when it was not over in its slice, had something to say, or found no room
/// in the engine: it is to be begun again.
pub(super) fn call_at_once(
    prepared: &Prepared,
    watch: &Arc<Watch>,
    handles: usize,
    attempt: &Attempt,
) -> Option<Ended<Payload>> {
    let about = About { job: attempt.job, number: attempt.number, handles, at_once: true };
    let mut store = match store(prepared, watch, about, &attempt.sandbox) {
        Ok(store) => store,
        Err(failure) => return Some(watch.ended(Err(failure))),
    };
    let called = enter_at_once::<_, (Answer,)>(&mut store, prepared, &prepared.call, given(attempt));
    if let Some(why) = called.as_ref().err().and_then(|error| error.downcast_ref()) {
        prepared.quick.was_not(*why);
        return None;
    }
    ended(called, &store, watch, &attempt.sandbox.limits).ok()
}

/// What a function answers.
type Answer = std::result::Result<Output, Refusal>;

fn given(attempt: &Attempt) -> (&str, Input<'_>) {
    let input = Input { content_type: attempt.input.content_type(), bytes: attempt.input.bytes() };
    (attempt.function.as_str(), input)
}

fn ended(
    called: wasmtime::Result<(Answer,)>,
    store: &Store<Guest>,
    watch: &Watch,
    limits: &Limits,
) -> Result<Ended<Payload>> {
    watch.meter.note_fuel(|| store.get_fuel());
    let outcome = match called {
        Ok((answer,)) => settle::output(answer, limits),
        Err(error) => Err(settle::failure(&error, store.data(), watch, limits)?),
    };
    Ok(watch.ended(outcome))
}

/// Asks what can be called.
pub(super) async fn functions(seat: Seat, sandbox: Sandbox) -> Result<Ended<Vec<Description>>> {
    let Seat { prepared, place, watch } = seat;
    let about = About { job: JobId::from_bytes([0; 16]), number: 1, handles: place.handles, at_once: false };
    let mut store = match store(&prepared, &watch, about, &sandbox) {
        Ok(store) => store,
        Err(failure) => return Ok(watch.ended(Err(failure))),
    };
    store.set_hostcall_fuel(usize::try_from(sandbox.limits.output).unwrap_or(usize::MAX));
    let called = enter::<_, (Vec<Description>,)>(&mut store, &prepared, &prepared.functions, ()).await;
    let outcome = match called {
        Ok((functions,)) => Ok(functions),
        Err(error) => Err(settle::failure(&error, store.data(), &watch, &sandbox.limits)?),
    };
    Ok(watch.ended(outcome))
}

fn store(prepared: &Prepared, watch: &Arc<Watch>, about: About, sandbox: &Sandbox) -> Result<Store<Guest>, Failure> {
    let Sandbox { limits, grants } = sandbox;
    let wasi = if prepared.wasi { Some(wasi::context(grants, watch)?) } else { None };
    let limiter = Limiter::new(limits, watch.clone());
    let guest = Guest::new(about, limiter, watch.clone(), wasi);
    let mut store = Store::new(prepared.instance.engine(), guest);
    store.limiter(|guest| &mut guest.limiter);
    let handover = limits.memory.max(limits.output).min(LARGEST_HANDOVER);
    store.set_hostcall_fuel(usize::try_from(handover).unwrap_or(usize::MAX));
    store.set_max_component_handles(HANDLES);
    if let Some(fuel) = limits.fuel {
        store.set_fuel(fuel).map_err(|error| Failure::new(FailureKind::Module, error.to_string()))?;
    }
    store.set_epoch_deadline(FIRST_SLICE);
    store.epoch_deadline_callback(|store| {
        let Guest { watch, about, .. } = store.data();
        if about.at_once {
            return Err(NotAtOnce::Slow.into());
        }
        if watch.why().is_some() {
            return Err(Stopped.into());
        }
        watch.meter.note_fuel(|| store.get_fuel());
        Ok(UpdateDeadline::Yield(SLICE))
    });
    Ok(store)
}

async fn enter<Given, Taken>(
    store: &mut Store<Guest>,
    prepared: &Prepared,
    export: &ComponentExportIndex,
    given: Given,
) -> wasmtime::Result<Taken>
where
    Given: ComponentNamedList + Lower + Send + Sync,
    Taken: ComponentNamedList + Lift + Send + Sync + 'static,
{
    let instance: Instance = prepared.instance.instantiate_async(&mut *store).await?;
    let function: TypedFunc<Given, Taken> = instance.get_typed_func(&mut *store, export)?;
    function.call_async(&mut *store, given).await
}

fn enter_at_once<Given, Taken>(
    store: &mut Store<Guest>,
    prepared: &Prepared,
    export: &ComponentExportIndex,
    given: Given,
) -> wasmtime::Result<Taken>
where
    Given: ComponentNamedList + Lower,
    Taken: ComponentNamedList + Lift + 'static,
{
    let instance: Instance = prepared.instance.instantiate(&mut *store)?;
    let function: TypedFunc<Given, Taken> = instance.get_typed_func(&mut *store, export)?;
    function.call(&mut *store, given)
}
