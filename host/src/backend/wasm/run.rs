//! One attempt: a fresh store, the call, and what came of it.

use std::sync::Arc;

use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc};
use wasmtime::{Store, UpdateDeadline};

use super::bindings::{Description, Input, Output, Refusal};
use super::guest::{About, Guest};
use super::limiter::Limiter;
use super::pool::Place;
use super::prepared::Prepared;
use super::settle::{self, Stopped};
use super::stop::{Ended, Watch};
use super::wasi;
use crate::attempt::Attempt;
use crate::error::Result;
use crate::failure::{Failure, FailureKind};
use crate::id::JobId;
use crate::payload::Payload;
use crate::sandbox::Sandbox;

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
    let about = About { job: attempt.job, number: attempt.number, handles: place.handles };
    let mut store = match store(&prepared, &watch, about, &attempt.sandbox) {
        Ok(store) => store,
        Err(failure) => return Ok(watch.ended(Err(failure))),
    };
    let input = Input { content_type: attempt.input.content_type(), bytes: attempt.input.bytes() };
    let given = (attempt.function.as_str(), input);
    let called =
        enter::<_, (std::result::Result<Output, Refusal>,)>(&mut store, &prepared, &prepared.call, given).await;
    let limits = &attempt.sandbox.limits;
    watch.meter.note_fuel(|| store.get_fuel());
    let outcome = match called {
        Ok((result,)) => settle::output(result, limits),
        Err(error) => Err(settle::failure(&error, store.data(), &watch, limits)?),
    };
    Ok(watch.ended(outcome))
}

/// Asks what can be called.
pub(super) async fn functions(seat: Seat, sandbox: Sandbox) -> Result<Ended<Vec<Description>>> {
    let Seat { prepared, place, watch } = seat;
    let about = About { job: JobId::from_bytes([0; 16]), number: 1, handles: place.handles };
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
        let watch = &store.data().watch;
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
