//! WASI, which every guest may import and which grants nothing by itself: no files, no network, no environment, no
//! arguments, clocks that stand still, and the same random bytes each run. Grants open exactly what they name.
//!
//! What a guest writes to stdout and stderr goes to its log.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rand_core::TryRng;
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{FsPerms, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use super::guest::Guest;
use super::stop::Watch;
use crate::attempt::Level;
use crate::failure::{Failure, FailureKind};
use crate::sandbox::Grants;

/// Random bytes of one call.
const RANDOM_LIMIT: u64 = 1 << 20;
/// Bytes of a line before it is cut in two.
const LINE_LIMIT: usize = 16 << 10;
const WRITE_LIMIT: usize = 64 << 10;

/// Links all of WASI 0.2 that wasmtime has, sockets too: what they open is refused.
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

/// A context that grants nothing.
pub(super) fn closed(watch: &Arc<Watch>) -> WasiCtx {
    builder(&Grants::default(), watch).build()
}

/// A context with these grants.
pub(super) fn context(grants: &Grants, watch: &Arc<Watch>) -> Result<WasiCtx, Failure> {
    let mut wasi = builder(grants, watch);
    for dir in &grants.dirs {
        let permissions = if dir.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        wasi.preopened_dir(&dir.host, &dir.guest, permissions).map_err(|error| {
            let why = format!("the folder {} cannot be granted: {error}", dir.host.display());
            Failure::new(FailureKind::NotPermitted, why)
        })?;
    }
    Ok(wasi.build())
}

fn builder(grants: &Grants, watch: &Arc<Watch>) -> WasiCtxBuilder {
    let mut wasi = WasiCtxBuilder::new();
    wasi.allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(RANDOM_LIMIT)
        .stdout(Lines::new(Level::Info, watch))
        .stderr(Lines::new(Level::Warn, watch));
    for (name, value) in &grants.env {
        wasi.env(name, value);
    }
    if !grants.clock {
        wasi.wall_clock(Still).monotonic_clock(Still);
    }
    if !grants.random {
        wasi.secure_random(Same(1)).insecure_random(Same(2)).insecure_random_seed(3);
    }
    wasi
}

/// A clock that stands at zero. Sleeping takes its time all the same: only what time it is stays hidden.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014) from a fixed seed: not secret, which is the point, and without a short period,
/// which a guest that draws until something fits would never leave.
struct Same(u64);

impl TryRng for Same {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.try_next_u64()? >> 32).unwrap_or(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        Ok(())
    }
}

/// Makes log lines of what is written.
#[derive(Clone)]
struct Lines(Arc<Open>);

struct Open {
    level: Level,
    watch: Arc<Watch>,
    line: Mutex<Vec<u8>>,
}

impl Lines {
    fn new(level: Level, watch: &Arc<Watch>) -> Self {
        Self(Arc::new(Open { level, watch: watch.clone(), line: Mutex::new(Vec::new()) }))
    }
}

impl Open {
    fn write(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for piece in part.chunks(LINE_LIMIT) {
                if line.len() + piece.len() > LINE_LIMIT {
                    self.say(&mut line);
                }
                line.extend_from_slice(piece);
            }
            if line.last() == Some(&b'\n') {
                line.pop();
                self.say(&mut line);
            }
        }
    }

    fn say(&self, line: &mut Vec<u8>) {
        let log = &self.watch.log;
        if log.full() {
            log.miss();
        } else {
            log.line(self.level, &String::from_utf8_lossy(line));
        }
        line.clear();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut rest = std::mem::take(self.line.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !rest.is_empty() {
            self.say(&mut rest);
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only asked for by WASI 0.3, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_LIMIT)
    }
}
