//! Where attempts run: engines with their pools, and the code that is ready in each.
//!
//! Each thread that starts attempts has an engine of its own, a lane: two threads that share one pay half as much again for
//! each attempt (measured; see the bench). All lanes together hold as many attempts as the backend may run at once.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use wasmtime::Engine;
use wasmtime::component::{Linker, types::ComponentItem};

use super::config::WasmConfig;
use super::engine::{CodeProfile, EngineProfile, PoolSize};
use super::prepared::Prepared;
use super::ticker::{self, Beat};
use super::wasi;
use super::{guest, handles};
use crate::error::{Error, Result};
use crate::failure::clean;
use crate::id::Digest;
use crate::registry::Registry;
use crate::sandbox::Limits;

/// The stack of the engines that are there for most attempts.
const STACK: usize = 512 << 10;
const SMALLEST_STACK: usize = 64 << 10;
const LARGEST_STACK: usize = 64 << 20;
/// Attempts at once with a stack of another size.
const UNUSUAL_ATTEMPTS: usize = 32;
/// Elements of the largest table there can be. Address space only.
const TABLE_ELEMENTS: usize = 1_000_000;
/// Modules that one engine keeps ready.
const MODULES: usize = 256;

/// All engines.
#[derive(Debug)]
pub(super) struct Pools {
    config: WasmConfig,
    ticker: ticker::Waker,
    handles: usize,
    places: Arc<Semaphore>,
    usual: Arc<Set>,
    others: Mutex<HashMap<Needs, Arc<Set>>>,
}

/// What an attempt needs of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Needs {
    fuel: bool,
    stack: usize,
}

impl Needs {
    /// A stack limit is rounded up to a power of two, so that there are few kinds of engines.
    pub(super) fn of(limits: &Limits) -> Self {
        let stack = usize::try_from(limits.stack).unwrap_or(usize::MAX).clamp(SMALLEST_STACK, LARGEST_STACK);
        Self { fuel: limits.fuel.is_some(), stack: stack.next_power_of_two() }
    }

    fn usual() -> Self {
        Self { fuel: false, stack: STACK }
    }
}

/// The engines of one kind.
#[derive(Debug)]
struct Set {
    lanes: Vec<Arc<Lane>>,
    places: Option<Arc<Semaphore>>,
}

/// A place for one attempt, in the engine of a lane.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) lane: Arc<Lane>,
    /// Handles that the attempt may hold at once.
    pub(super) handles: usize,
    _own: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // In this order: who gets the permit finds room in the lane.
        self.lane.used.fetch_sub(1, Ordering::AcqRel);
        self.lane.places.add_permits(1);
    }
}

impl Pools {
    pub(super) fn new(config: WasmConfig, ticker: ticker::Waker) -> Self {
        let places = Arc::new(Semaphore::new(config.attempts));
        let usual = Arc::new(Set::new(&config, Needs::usual(), &places));
        let handles = handles::each_of(config.attempts);
        Self { config, ticker, handles, places, usual, others: Mutex::default() }
    }

    /// A place for an attempt, as soon as there is one.
    pub(super) async fn place(&self, needs: Needs) -> Result<Place> {
        let set = self.set(needs);
        let own = match &set.places {
            Some(places) => Some(places.clone().acquire_owned().await.map_err(closed)?),
            None => None,
        };
        let shared = self.places.acquire().await.map_err(closed)?;
        self.seat(&set, shared, own).ok_or_else(miscounted)
    }

    /// A place in an engine of its own, which goes with it. Memory that was written once is looked through after every attempt
    /// that uses it again; what happens here costs no later attempt anything.
    pub(super) async fn apart(&self) -> Result<Place> {
        let shared = self.places.acquire().await.map_err(closed)?;
        let one = WasmConfig { attempts: 1, threads: 1, ..self.config.clone() };
        self.seat(&Set::new(&one, Needs::usual(), &self.places), shared, None).ok_or_else(miscounted)
    }

    /// A place for an attempt that needs what most do, if there is one right now.
    pub(super) fn place_now(&self, needs: Needs) -> Option<Place> {
        if needs != Needs::usual() {
            return None;
        }
        let shared = self.places.try_acquire().ok()?;
        self.seat(&self.usual, shared, None)
    }

    /// A place in a lane of this set, for a permit that is given back by the place, which has the semaphore by its lane.
    fn seat(&self, set: &Set, shared: SemaphorePermit<'_>, own: Option<OwnedSemaphorePermit>) -> Option<Place> {
        let lane = set.lane()?;
        shared.forget();
        Some(Place { lane, handles: self.handles, _own: own })
    }

    pub(super) fn ticker(&self) -> &ticker::Waker {
        &self.ticker
    }

    /// Makes the first engine of those that most attempts use.
    pub(super) fn warm(&self) -> impl FnOnce() + Send + use<> {
        let (usual, ticker) = (self.usual.clone(), self.ticker.clone());
        move || {
            // Who needs it makes it, should this fail, and says why that fails.
            drop(usual.lanes.first().map(|lane| lane.ready(&ticker).map(|_| ())));
        }
    }

    /// Forgets the code of a module.
    pub(super) fn forget(&self, digest: Digest) {
        let others: Vec<_> = lock(&self.others).values().cloned().collect();
        for lane in others.iter().chain([&self.usual]).flat_map(|set| &set.lanes) {
            lock(&lane.modules).remove(&digest);
        }
    }

    fn set(&self, needs: Needs) -> Arc<Set> {
        if needs == Needs::usual() {
            return self.usual.clone();
        }
        let mut others = lock(&self.others);
        others.entry(needs).or_insert_with(|| Arc::new(Set::new(&self.config, needs, &self.places))).clone()
    }
}

fn miscounted() -> Error {
    Error::fault("wasm backend", "places were miscounted")
}

fn closed(error: AcquireError) -> Error {
    Error::fault("wasm backend", error)
}

impl Set {
    /// `shared` has the places of all sets together.
    fn new(config: &WasmConfig, needs: Needs, shared: &Arc<Semaphore>) -> Self {
        let unusual = needs.stack != STACK;
        let threads = if unusual { 1 } else { config.threads };
        let attempts = if unusual { config.attempts.min(UNUSUAL_ATTEMPTS) } else { config.attempts };
        let each = attempts.div_ceil(threads);
        let pool = PoolSize {
            attempts: u32::try_from(each).unwrap_or(u32::MAX),
            memory: usize::try_from(config.memory).unwrap_or(usize::MAX),
            table_elements: TABLE_ELEMENTS,
        };
        let WasmConfig { hardened, pooled, unstoppable, .. } = *config;
        let code = CodeProfile { fuel: needs.fuel, hardened, unstoppable };
        let profile = EngineProfile { code, stack: needs.stack, pool, pooled };
        let lanes = (0..threads).map(|_| Arc::new(Lane::new(profile, shared.clone()))).collect();
        Self { lanes, places: unusual.then(|| Arc::new(Semaphore::new(attempts))) }
    }

    /// The lane of this thread, or the next one that has room.
    fn lane(&self) -> Option<Arc<Lane>> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed));
        let first = THREAD.with(|thread| *thread);
        let count = self.lanes.len();
        (0..count).map(|offset| &self.lanes[(first + offset) % count]).find(|lane| lane.enter()).cloned()
    }
}

/// One engine.
pub(super) struct Lane {
    profile: EngineProfile,
    /// Those of all lanes.
    places: Arc<Semaphore>,
    used: AtomicUsize,
    engine: Mutex<()>,
    ready: OnceLock<Ready>,
    modules: Mutex<FxHashMap<Digest, Kept>>,
    clock: AtomicU64,
}

struct Ready {
    engine: Engine,
    beat: Arc<Beat>,
}

struct Kept {
    prepared: Arc<Prepared>,
    used: u64,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("profile", &self.profile).field("used", &self.used).finish_non_exhaustive()
    }
}

impl Lane {
    fn new(profile: EngineProfile, places: Arc<Semaphore>) -> Self {
        let (used, clock) = (AtomicUsize::new(0), AtomicU64::new(0));
        let modules = Mutex::default();
        Self { profile, places, used, engine: Mutex::default(), ready: OnceLock::new(), modules, clock }
    }

    /// Bytes of stack a guest has here.
    pub(super) fn stack(&self) -> usize {
        self.profile.stack
    }

    fn enter(&self) -> bool {
        let most = self.profile.pool.attempts as usize;
        let more = |used: usize| (used < most).then_some(used + 1);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// The module, if it is ready here.
    pub(super) fn prepared(&self, digest: Digest) -> Option<Arc<Prepared>> {
        let mut modules = lock(&self.modules);
        let kept = modules.get_mut(&digest)?;
        kept.used = self.clock.fetch_add(1, Ordering::Relaxed);
        Some(kept.prepared.clone())
    }

    /// Makes the module ready here. Blocks.
    pub(super) fn prepare(&self, ticker: &ticker::Waker, registry: &Registry, digest: Digest) -> Result<Arc<Prepared>> {
        let ready = self.ready(ticker)?;
        let component = registry.component(&ready.engine, self.profile.code, digest)?;
        let mut linker = Linker::new(&ready.engine);
        let imports = component.component_type();
        let mut imports = imports.imports(&ready.engine).map(|(name, item)| (name.to_owned(), item.ty));
        let has_wasi =
            imports.any(|(name, ty)| name.starts_with("wasi:") && matches!(ty, ComponentItem::ComponentInstance(_)));
        let linked = guest::link(&mut linker).and_then(|()| if has_wasi { wasi::link(&mut linker) } else { Ok(()) });
        linked.map_err(|error| Error::fault("wasm linker", error))?;
        let instance = linker.instantiate_pre(&component).map_err(|error| Error::Module {
            code: "import_unknown".into(),
            why: clean(&format!("{error:#}"), 1 << 10),
        })?;
        let prepared = Arc::new(Prepared::new(instance, has_wasi, ready.beat.clone())?);
        self.keep(digest, prepared.clone());
        Ok(prepared)
    }

    fn ready(&self, ticker: &ticker::Waker) -> Result<&Ready> {
        let _one_at_a_time = lock(&self.engine);
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let engine = self.profile.engine()?;
        let beat = ticker.beat(engine.clone());
        Ok(self.ready.get_or_init(|| Ready { engine, beat }))
    }

    fn keep(&self, digest: Digest, prepared: Arc<Prepared>) {
        let mut modules = lock(&self.modules);
        if modules.len() >= MODULES {
            let oldest = modules.iter().min_by_key(|(_, kept)| kept.used).map(|(digest, _)| *digest);
            oldest.map(|oldest| modules.remove(&oldest));
        }
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        modules.insert(digest, Kept { prepared, used });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
