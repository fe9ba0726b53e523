//! The modules that hosts share: each is a blob and a note in their store, and so is each name a note. What a host runs or
//! shows of them it first takes into its own registry, as if somebody had added it there: checked against its digest,
//! scanned and compiled here.

use std::sync::Arc;

use bytes::Bytes;

use crate::backend::wasm::WasmBackend;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::{Digest, ModuleName, ModuleRef};
use crate::registry::{Listed, ModuleInfo, Registry, nearest};
use crate::rounds::Rounds;
use crate::store::{self, Note, Store};

const RECORD: &str = "module/";
const NAME: &str = "alias/";
/// Most modules, and most names, that are listed.
const MOST: usize = 100_000;

/// The modules in a store, and the registry that those of them go into that are needed here.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) backend: Arc<WasmBackend>,
    pub(crate) names: Arc<Rounds<Option<Note>>>,
}

impl Shared {
    /// Puts a module that was added here where other hosts find it.
    pub(crate) async fn publish(&self, info: &ModuleInfo, bytes: &Bytes) -> Result<()> {
        let name = record(info.digest);
        if store::note(&*self.store, &name).await?.is_some() {
            return Ok(());
        }
        let note = serde_json::to_vec(info).map_err(|error| Error::fault("registry", error))?;
        // The note last: whoever finds it finds the bytes.
        self.store.put_blob(&name, bytes).await?;
        self.store.put_note(&name, &note).await
    }

    /// The bytes of a module, as they are in the store.
    pub(crate) async fn bytes(&self, digest: Digest) -> Result<Bytes> {
        let bytes = self.store.blob(&record(digest)).await?.ok_or_else(|| Error::not_found("module", digest))?;
        // Here, so that what is not this module never becomes one of ours.
        if Digest::of(&bytes) != digest {
            let why = format!("in the store it has bytes of digest {}; add the module again", Digest::of(&bytes));
            return Err(Error::Corrupt { what: format!("module {digest}"), why });
        }
        Ok(bytes)
    }

    /// What is known of a module, which is in the registry from then on.
    pub(crate) async fn fetch(&self, digest: Digest) -> Result<ModuleInfo> {
        let registry = Arc::clone(&self.registry);
        let found = tokio::task::spawn_blocking(move || registry.info(digest)).await;
        match found.map_err(|error| Error::fault("registry", error))? {
            Err(Error::NotFound { .. } | Error::Corrupt { .. }) => {}
            found => return found,
        }
        let bytes = self.bytes(digest).await?;
        let describe = async |info: ModuleInfo| self.backend.describe(&info).await;
        self.registry.add(bytes, Clock::system().now(), describe).await
    }

    /// The module that this names now.
    pub(crate) async fn resolve(&self, module: &ModuleRef) -> Result<Digest> {
        match module {
            ModuleRef::Digest(digest) => Ok(*digest),
            // Each submit by name asks this.
            ModuleRef::Name(name) => match self.note(alias(name)).await? {
                Some(note) => read(name.as_str(), &note.bytes),
                None => Err(self.unknown(name).await),
            },
        }
    }

    /// A note, by one read for all who ask at one time.
    async fn note(&self, name: String) -> Result<Option<Note>> {
        self.names.read(&name, || store::note(&*self.store, &name)).await
    }

    async fn unknown(&self, name: &ModuleName) -> Error {
        // Without the list there is no suggestion, and still no such name.
        let names = self.names().await.unwrap_or_default();
        let near = nearest(name.as_str(), names.iter().map(|(name, _)| name.as_str())).map(str::to_owned);
        Error::NotFound { what: "module", name: name.to_string(), nearest: near }
    }

    /// Points a name at a module, in one step.
    pub(crate) async fn alias(&self, name: &ModuleName, digest: Digest) -> Result<()> {
        self.known(digest).await?;
        self.store.put_note(&alias(name), digest.to_string().as_bytes()).await
    }

    pub(crate) async fn unalias(&self, name: &ModuleName) -> Result<()> {
        if self.store.remove_note(&alias(name)).await? { Ok(()) } else { Err(self.unknown(name).await) }
    }

    /// All modules, those added last first. One whose record is damaged is left out, and said in the log.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>> {
        let names = self.names().await?;
        let mut listed = Vec::new();
        for note in self.store.notes(RECORD, MOST).await? {
            match serde_json::from_slice::<ModuleInfo>(&note.bytes) {
                Ok(info) => {
                    let aliases = names.iter().filter(|(_, to)| *to == info.digest).map(|(name, _)| name.clone());
                    listed.push(Listed { aliases: aliases.collect(), info });
                }
                Err(error) => tracing::warn!(module = note.name, %error, "module left out of the list"),
            }
        }
        listed.sort_by_key(|listed| (std::cmp::Reverse(listed.info.added), listed.info.digest));
        Ok(listed)
    }

    /// Takes a module away from all hosts, with its names. Where it was fetched it stays until it is removed there as well.
    pub(crate) async fn remove(&self, digest: Digest) -> Result<()> {
        for (name, to) in self.names().await? {
            if to == digest {
                self.store.remove_note(&alias(&name)).await?;
            }
        }
        // The note first: a module without one is not there, whatever else a crash leaves behind.
        let known = self.store.remove_note(&record(digest)).await?;
        let kept = self.store.remove_blob(&record(digest)).await?;
        if known || kept { Ok(()) } else { Err(Error::not_found("module", digest)) }
    }

    async fn known(&self, digest: Digest) -> Result<()> {
        match store::note(&*self.store, &record(digest)).await? {
            Some(_) => Ok(()),
            None => Err(Error::not_found("module", digest)),
        }
    }

    /// All names and what they point at, in order.
    async fn names(&self) -> Result<Vec<(ModuleName, Digest)>> {
        let mut names = Vec::new();
        for note in self.store.notes(NAME, MOST).await? {
            let Some(Ok(name)) = note.name.strip_prefix(NAME).map(str::parse::<ModuleName>) else { continue };
            match read(name.as_str(), &note.bytes) {
                Ok(digest) => names.push((name, digest)),
                Err(error) => tracing::warn!(%name, error = error.chain(), "alias left out"),
            }
        }
        Ok(names)
    }
}

/// Whether a note of this name tells of a module, or is one's name.
pub(crate) fn is_of_module(name: &str) -> bool {
    name.starts_with(RECORD) || name.starts_with(NAME)
}

fn record(digest: Digest) -> String {
    format!("{RECORD}{}", digest.hex())
}

fn alias(name: &ModuleName) -> String {
    format!("{NAME}{name}")
}

fn read(name: &str, note: &[u8]) -> Result<Digest> {
    let digest = std::str::from_utf8(note).ok().and_then(|text| text.parse().ok());
    digest
        .ok_or_else(|| Error::Corrupt { what: format!("alias {name}"), why: "it holds no digest; set it again".into() })
}
