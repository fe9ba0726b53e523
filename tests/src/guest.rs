//! The guest of most tests: `fixtures/guest.wat`, which does whatever a guest may do, well or badly. No toolchain makes it.

use std::path::Path;
use std::sync::Arc;

use au_host::backend::wasm::{WasmBackend, WasmConfig};
use au_host::registry::{Compiler, ModuleInfo, Registry};
use au_host::{Clock, Digest, Local, LocalConfig, ModuleName, ModuleRef, OCTETS, Payload, Request};
use bytes::Bytes;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What guests and hosts agree on.
pub const CONTRACT: &str = include_str!("../../wit/au-compute.wit");
const GUEST: &str = include_str!("../fixtures/guest.wat");

/// What a component is made of, besides its core module.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// What it agrees on with its host; a test may change it.
    pub contract: &'a str,
    /// Further packages of WIT, those first that others rest on; the last has a world `guest` that includes `au:compute/compute`.
    pub packages: &'a [&'a str],
    /// The name of an adapter, and its bytes.
    pub adapter: Option<(&'a str, &'a [u8])>,
}

impl Default for Parts<'_> {
    fn default() -> Self {
        Self { contract: CONTRACT, packages: &[], adapter: None }
    }
}

impl Parts<'_> {
    /// A core module in text, made a component.
    ///
    /// # Panics
    /// When it is no such module.
    #[must_use]
    pub fn component(self, text: &str) -> Bytes {
        let mut module = wat::parse_str(text).expect("the text is a module");
        let mut resolve = Resolve::default();
        let mut package = resolve.push_str("au-compute.wit", self.contract).expect("the contract is WIT");
        for more in self.packages {
            package = resolve.push_str("more.wit", more).expect("it is WIT");
        }
        let world = if self.packages.is_empty() { "compute" } else { "guest" };
        let world = resolve.select_world(&[package], Some(world)).expect("it has the world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata can be added");
        let encoder = ComponentEncoder::default().module(&module).expect("the module fits the world");
        let encoder = match self.adapter {
            Some((name, bytes)) => encoder.adapter(name, bytes).expect("it is an adapter"),
            None => encoder,
        };
        encoder.validate(true).encode().expect("it is a component").into()
    }
}

/// A core module in text, made a component of the world `compute`.
///
/// # Panics
/// When it is no such module.
#[must_use]
pub fn component(text: &str) -> Bytes {
    Parts::default().component(text)
}

/// The component of `guest.wat`.
#[must_use]
pub fn guest() -> Bytes {
    component(GUEST)
}

/// The same, with more fields in its core module.
///
/// # Panics
/// When they do not fit there.
#[must_use]
pub fn with_fields(fields: &str) -> Bytes {
    component(&GUEST.replacen("(global $free", &format!("{fields}(global $free"), 1))
}

/// The alias it has where a test added it.
///
/// # Panics
/// Never: it is a name.
#[must_use]
pub fn alias() -> ModuleName {
    "guest".parse().expect("a name")
}

/// Asks for one of its functions. The number is its input.
///
/// # Panics
/// Never: it is a content type.
#[must_use]
pub fn ask(function: &str, number: u32) -> Request {
    let input = Payload::new(OCTETS, number.to_le_bytes().to_vec()).expect("a content type");
    Request::new(ModuleRef::Name(alias()), function, input)
}

/// How tests open a [`Local`]: with the `au-host` that was built beside them as compiler.
#[must_use]
pub fn config() -> LocalConfig {
    LocalConfig { compiler: Some(compiler()), ..LocalConfig::default() }
}

/// The compiler child.
///
/// # Panics
/// When `au-host` was not built.
#[must_use]
pub fn compiler() -> Compiler {
    Compiler::find().expect("`cargo build --workspace` comes first; `cargo xtask test` does it")
}

/// Adds the guest to a registry, and says which module it is there.
///
/// # Panics
/// When the registry does not take it.
pub async fn register(registry: &Arc<Registry>) -> Digest {
    let backend = WasmBackend::new(Arc::clone(registry), WasmConfig::small()).expect("a backend");
    let describe = async |info: ModuleInfo| backend.describe(&info).await;
    registry.add(guest(), Clock::system().now(), describe).await.expect("the guest is sound").digest
}

/// Adds the guest under its alias.
///
/// # Panics
/// When the registry does not take it.
pub async fn add_to(local: &Local) {
    let module = local.add_module(guest()).await.expect("the guest is sound");
    local.alias(&alias(), module.digest).await.expect("a name");
}

/// A host in a folder of its own, with the guest in it.
///
/// # Panics
/// When it cannot be opened.
pub async fn local(config: LocalConfig) -> Local {
    let local = Local::temporary(config).await.expect("a temporary folder");
    add_to(&local).await;
    local
}

/// A host in this folder, with the guest in it.
///
/// # Panics
/// When it cannot be opened.
pub async fn local_at(dir: &Path, config: LocalConfig) -> Local {
    let local = Local::open(dir, config).await.expect("a data folder");
    add_to(&local).await;
    local
}
