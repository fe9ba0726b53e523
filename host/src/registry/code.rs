//! Code that is ready to run: from the cache, or compiled now.

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use super::aot::{CodeId, EngineHash};
use super::compiler::Order;
use super::lock::{Purpose, hold};
use super::open::Registry;
use super::sniff::{Form, sniff};
use super::verdict;
use crate::backend::wasm::engine::CodeProfile;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::Digest;

impl Registry {
    /// The component of this digest, ready for `engine`, which must be of the profile `code`. Blocks: from the cache that takes
    /// well under a millisecond for most, and a compile when it is missing, damaged, or of another wasmtime.
    ///
    /// # Errors
    /// `NotFound` for a digest that is not here, `Module` when it is no component or cannot be compiled, `Busy` when
    /// too many wait for a compile.
    pub fn component(&self, engine: &Engine, code: CodeProfile, digest: Digest) -> Result<Component> {
        self.ready(engine, code, digest, Form::Component, |id| self.cache.component(engine, id))
    }

    /// Sees to it that the code of this component is there, for engines of this profile in other processes. Blocks.
    ///
    /// # Errors
    /// As for [`Registry::component`].
    #[cfg(feature = "remote")]
    pub(crate) fn provide(&self, profile: CodeProfile, digest: Digest) -> Result<()> {
        let id = CodeId { engine: EngineHash::of(&super::compiler::engine(profile)?), profile, digest };
        if self.cache.holds(&id)?.is_some() {
            return Ok(());
        }
        self.compile(&id, &self.bytes(digest)?, || self.cache.holds(&id)).map(drop)
    }

    /// The core module of this digest, likewise.
    ///
    /// # Errors
    /// As for [`Registry::component`].
    pub fn module(&self, engine: &Engine, code: CodeProfile, digest: Digest) -> Result<Module> {
        self.ready(engine, code, digest, Form::Core, |id| self.cache.module(engine, id))
    }

    fn ready<T>(
        &self,
        engine: &Engine,
        profile: CodeProfile,
        digest: Digest,
        form: Form,
        load: impl Fn(&CodeId) -> Result<Option<T>>,
    ) -> Result<T> {
        let id = CodeId { engine: EngineHash::of(engine), profile, digest };
        if let Some(code) = load(&id)? {
            return Ok(code);
        }
        let bytes = self.bytes(digest)?;
        let found = sniff(&bytes)?;
        if found != form {
            let why = format!("a {} was expected, and it is a {}", form.name(), found.name());
            return Err(Error::Module { code: "module_kind_mismatch".into(), why });
        }
        let loaded = self.compile(&id, &bytes, || load(&id))?;
        loaded.ok_or_else(|| Error::fault("compiler", format!("the code it made of {digest} does not load")))
    }

    /// Compiles and seals, one at a time per digest. If `load` finds that another has done it meanwhile, that is enough.
    pub(super) fn compile<T>(
        &self,
        id: &CodeId,
        bytes: &[u8],
        load: impl Fn() -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let _held = hold(&self.folder, Purpose::Code, id.digest)?;
        if let Some(code) = load()? {
            return Ok(Some(code));
        }
        let now = Clock::system().now();
        if let Some(refusal) = verdict::recall(&self.folder, id.digest, id.profile, now) {
            return Err(refusal.into());
        }
        let order = Order { profile: id.profile, engine: id.engine, form: sniff(bytes)?, bytes };
        let code = self.compile_now(&order);
        if let Err(Error::Module { code, why }) = &code {
            let refusal = verdict::Refusal::new(code, why);
            verdict::remember(&self.folder, id.digest, id.profile, &refusal, now)?;
        }
        let code = code?;
        if !order.form.compiled(&code) {
            return Err(Error::fault("compiler", "what it gave is not compiled WebAssembly"));
        }
        self.cache.store(&self.folder, id, &code)?;
        load()
    }

    fn compile_now(&self, order: &Order<'_>) -> Result<Vec<u8>> {
        let _slot = self.slots.take()?;
        let started = std::time::Instant::now();
        let code = self.compiler.compile(order);
        tracing::debug!(bytes = order.bytes.len(), took = ?started.elapsed(), done = code.is_ok(), "compiled");
        code
    }
}
