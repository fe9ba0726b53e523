//! What the host is to a guest: its state in the store, and the functions of `au:compute/host`.
//!
//! None of them waits, and none keeps more than a limit allows: epochs do not fire in here.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, ResourceTable, WasmStr};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::{Current, HOST, Severity};
use super::limiter::Limiter;
use super::quick::NotAtOnce;
use super::stop::{Watch, Why};
use crate::attempt::Progress;
use crate::failure::{MESSAGE_LIMIT, clean};
use crate::id::JobId;

const LOCATION_LIMIT: usize = 512;

/// What a guest said when it panicked.
#[derive(Clone, Debug)]
pub(super) struct Panicked {
    pub(super) message: String,
    pub(super) location: String,
}

/// The state of one attempt in its store.
pub(super) struct Guest {
    pub(super) limiter: Limiter,
    pub(super) watch: Arc<Watch>,
    pub(super) panicked: Option<Panicked>,
    pub(super) about: About,
    /// Most guests have none.
    wasi: Option<Box<WasiCtx>>,
    table: ResourceTable,
}

/// What a guest is told of its attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) job: JobId,
    pub(super) number: u32,
    /// Streams, pollables and files it may hold at once.
    pub(super) handles: usize,
    /// Whether it is to be over in one slice, and without a word.
    pub(super) at_once: bool,
}

impl About {
    /// Whoever is to be over without a word ends here when it has one to say, and is begun again.
    fn may_speak(self) -> Result<(), NotAtOnce> {
        if self.at_once { Err(NotAtOnce::Speaks) } else { Ok(()) }
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Guest {
    pub(super) fn new(about: About, limiter: Limiter, watch: Arc<Watch>, wasi: Option<WasiCtx>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(about.handles);
        Self { limiter, watch, panicked: None, about, wasi: wasi.map(Box::new), table }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| Box::new(super::wasi::closed(&self.watch)));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

/// Links `au:compute/host`.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut host = linker.instance(HOST)?;
    host.func_wrap("log", |store: StoreContextMut<'_, Guest>, (level, line): (Severity, WasmStr)| {
        store.data().about.may_speak()?;
        let log = &store.data().watch.log;
        if log.full() {
            log.miss();
            return Ok(());
        }
        log.line(level.into(), &line.to_str(&store)?);
        Ok(())
    })?;
    host.func_wrap("progress", |store: StoreContextMut<'_, Guest>, (done, note): (f32, WasmStr)| {
        store.data().about.may_speak()?;
        let progress = Progress::new(done, &note.to_str(&store)?);
        store.data().watch.log.events.progress(progress);
        Ok(())
    })?;
    host.func_wrap("cancelled", |store: StoreContextMut<'_, Guest>, (): ()| {
        Ok((store.data().watch.why() == Some(Why::Cancelled),))
    })?;
    host.func_wrap("current", |store: StoreContextMut<'_, Guest>, (): ()| {
        let Guest { watch, about, .. } = store.data();
        let remaining = watch.timeout.saturating_sub(watch.started.elapsed());
        let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
        Ok((Current { job: about.job.to_string(), number: about.number, remaining_ms },))
    })?;
    host.func_wrap("panicked", |mut store: StoreContextMut<'_, Guest>, (message, location): (WasmStr, WasmStr)| {
        let message = clean(&message.to_str(&store)?, MESSAGE_LIMIT);
        let location = clean(&location.to_str(&store)?, LOCATION_LIMIT);
        store.data_mut().panicked = Some(Panicked { message, location });
        Ok(())
    })
}
