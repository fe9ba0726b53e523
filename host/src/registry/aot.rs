//! Compiled code on disk: sealed when it is written, checked before it is mapped. The only file of the crate with `unsafe`.
//!
//! The seal is an HMAC-SHA256 (RFC 2104) under a key that never leaves the folder. It covers the code and what it is the code
//! of: the engine, the profile and the module's digest. Code that came from elsewhere, was changed, moved or half written, has
//! no valid seal, and is compiled again.

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash as _, Hasher};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use super::folder::{self, Folder, failed};
use crate::backend::wasm::engine::CodeProfile;
use crate::error::{Error, Result};
use crate::id::Digest;

const KEY: usize = 32;
const TAG: usize = 32;
const PURPOSE: &[u8] = b"au-host compiled code 1\0";

/// What makes code of one engine run in another: wasmtime's version, its settings, the processor's features.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct EngineHash([u8; 32]);

impl EngineHash {
    pub(super) fn of(engine: &Engine) -> Self {
        struct Sink(Sha256);
        impl Hasher for Sink {
            fn write(&mut self, bytes: &[u8]) {
                self.0.update(bytes);
            }
            fn finish(&self) -> u64 {
                0 // Never asked for: the whole digest is taken instead.
            }
        }
        let mut sink = Sink(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut sink);
        Self(sink.0.finalize().into())
    }

    pub(super) fn hex(self) -> String {
        hex::encode(self.0)
    }
}

/// Which code: of which module, for which engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodeId {
    pub(super) engine: EngineHash,
    pub(super) profile: CodeProfile,
    pub(super) digest: Digest,
}

/// The compiled code of a folder, and the key it is sealed with.
pub(super) struct CodeCache {
    dir: PathBuf,
    key: [u8; KEY],
}

impl std::fmt::Debug for CodeCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeCache").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl CodeCache {
    /// The cache of this folder. Its key is made by whoever comes first.
    pub(super) fn open(folder: &Folder) -> Result<Self> {
        let path = folder.cache().join("key");
        let kept = match folder::read(&path, KEY as u64)? {
            Some(kept) => kept,
            None => folder.found(&path, &random().map_err(|error| failed(&path, error))?)?,
        };
        let meta = fs::symlink_metadata(&path).map_err(|error| failed(&path, error))?;
        if !meta.is_file() || !ours(&meta) || meta.mode() & 0o077 != 0 {
            return Err(Error::refused(format!(
                "{} can be read by others, so its seals prove nothing",
                path.display()
            )));
        }
        let key = kept.try_into().map_err(|_| Error::Corrupt {
            what: path.display().to_string(),
            why: format!("it does not have {KEY} bytes; remove it, and all code is compiled again"),
        })?;
        Ok(Self { dir: folder.cache(), key })
    }

    /// Keeps code that our own compiler gave.
    pub(super) fn store(&self, folder: &Folder, id: &CodeId, code: &[u8]) -> Result<()> {
        let path = self.path(id);
        path.parent().map_or(Ok(()), folder::private)?;
        let tag = self.seal(id).chain_update(code).finalize().into_bytes();
        folder.replace(&path, &[code, &tag])
    }

    /// Removes the code of a module, for all engines.
    pub(super) fn forget(&self, digest: Digest) -> Result<()> {
        for engine in fs::read_dir(&self.dir).map_err(|error| failed(&self.dir, error))?.flatten() {
            for profile in CodeProfile::all() {
                match fs::remove_file(engine.path().join(file_name(profile, digest))) {
                    Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                        return Err(failed(&engine.path(), error));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Whether this code is there and whole.
    pub(super) fn holds(&self, id: &CodeId) -> Result<Option<()>> {
        Ok(self.verified(id)?.map(drop))
    }

    /// The component that was kept, if it is there, whole, and of this engine.
    #[expect(unsafe_code, reason = "mapping code is what the registry is for")]
    pub(super) fn component(&self, engine: &Engine, id: &CodeId) -> Result<Option<Component>> {
        let Some(file) = self.verified(id)? else { return Ok(None) };
        // SAFETY: `deserialize_file` asks for a file that wasmtime's own compiler wrote and that nobody changes while it is
        // mapped. The first is what the seal proves: only a process with the key, which lies in our 0700 folder, could have
        // made it, and such a process seals nothing but what its compiler gave it. Path games between check and use are out:
        // the path names the very file descriptor that was checked, not a directory entry that could have been replaced.
        // The second holds since the file and its folder can be written by our user alone (checked on the descriptor),
        // and our own code never writes a file in place: `Folder::replace` makes a new one. Whoever already runs as our
        // user can do to this process what it likes, so nothing is lost to it here.
        let loaded = unsafe { Component::deserialize_file(engine, descriptor(&file)) };
        Ok(current(loaded, id))
    }

    /// The core module that was kept, if it is there, whole, and of this engine.
    #[expect(unsafe_code, reason = "mapping code is what the registry is for")]
    pub(super) fn module(&self, engine: &Engine, id: &CodeId) -> Result<Option<Module>> {
        let Some(file) = self.verified(id)? else { return Ok(None) };
        // SAFETY: as for `component`.
        let loaded = unsafe { Module::deserialize_file(engine, descriptor(&file)) };
        Ok(current(loaded, id))
    }

    /// The open file of this code, if it is ours alone and its seal is right.
    fn verified(&self, id: &CodeId) -> Result<Option<File>> {
        let path = self.path(id);
        let mut file = match OpenOptions::new().read(true).custom_flags(NO_FOLLOW).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Ok(doubt(&path, "it is a symbolic link"));
            }
            file => file.map_err(|error| failed(&path, error))?,
        };
        path.parent().map_or(Ok(()), folder::check)?;
        let meta = file.metadata().map_err(|error| failed(&path, error))?;
        if !meta.is_file() || !ours(&meta) || meta.mode() & 0o022 != 0 {
            return Ok(doubt(&path, "others can write it"));
        }
        match self.sealed(id, &mut file, meta.len()).map_err(|error| failed(&path, error))? {
            true => Ok(Some(file)),
            false => Ok(doubt(&path, "its seal is broken")),
        }
    }

    fn sealed(&self, id: &CodeId, file: &mut File, size: u64) -> io::Result<bool> {
        let Some(code) = size.checked_sub(TAG as u64) else { return Ok(false) };
        let mut seal = self.seal(id);
        let mut left = code;
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let read = file.read(&mut buffer[..most])?;
            if read == 0 {
                return Ok(false);
            }
            seal.update(&buffer[..read]);
            left -= read as u64;
        }
        let mut tag = Vec::with_capacity(TAG);
        file.take(TAG as u64 + 1).read_to_end(&mut tag)?;
        Ok(seal.verify_slice(&tag).is_ok())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    fn seal(&self, id: &CodeId) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        let profile = id.profile.name();
        mac.chain_update(PURPOSE)
            .chain_update(id.engine.0)
            .chain_update(id.digest.as_bytes())
            .chain_update([u8::try_from(profile.len()).unwrap_or(u8::MAX)])
            .chain_update(profile)
    }

    fn path(&self, id: &CodeId) -> PathBuf {
        self.dir.join(id.engine.hex()).join(file_name(id.profile, id.digest))
    }
}

const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

fn file_name(profile: CodeProfile, digest: Digest) -> String {
    format!("{}-{}.cwasm", profile.name(), digest.hex())
}

fn ours(meta: &fs::Metadata) -> bool {
    meta.uid() == rustix::process::geteuid().as_raw()
}

fn descriptor(file: &File) -> PathBuf {
    let dir = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    Path::new(dir).join(file.as_raw_fd().to_string())
}

fn random() -> io::Result<[u8; KEY]> {
    let mut key = [0; KEY];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}

fn doubt<T>(path: &Path, why: &str) -> Option<T> {
    tracing::warn!(path = %path.display(), why, "compiled code is not trusted, and compiled again");
    None
}

/// A right seal on code that this wasmtime cannot use means that the code is of another build.
fn current<T>(loaded: wasmtime::Result<T>, id: &CodeId) -> Option<T> {
    loaded.inspect_err(|error| tracing::debug!(digest = %id.digest, %error, "compiled code is stale")).ok()
}
