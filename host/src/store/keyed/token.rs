//! Names that are never given twice: of commits, of pieces, of what a take went through.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::error::{Error, Result};

/// Names a handle of a store among all there ever were.
pub(super) type Handle = [u8; 8];

/// A name that is never given twice: its handle, and a number of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    handle: Handle,
    number: u64,
}

impl Token {
    pub(super) fn to_bytes(self) -> [u8; 16] {
        (u128::from(u64::from_be_bytes(self.handle)) << 64 | u128::from(self.number)).to_be_bytes()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (handle, number) = bytes.split_first_chunk()?;
        Some(Self { handle: *handle, number: u64::from_be_bytes(number.try_into().ok()?) })
    }

    pub(super) fn bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.to_bytes())
    }

    pub(super) fn handle(self) -> Handle {
        self.handle
    }

    /// One of so many, each as often as the next.
    pub(super) fn slot(self, slots: u8) -> u8 {
        u8::try_from(self.number % u64::from(slots)).unwrap_or_default()
    }

    /// Whether its handle gave it right after this one.
    pub(super) fn follows(self, other: Self) -> bool {
        self.handle == other.handle && self.number == other.number.wrapping_add(1)
    }
}

/// Gives names.
#[derive(Debug)]
pub(super) struct Tokens {
    handle: Handle,
    count: AtomicU64,
    hints: AtomicU64,
}

impl Tokens {
    pub(super) fn new() -> Result<Self> {
        let mut handle = Handle::default();
        getrandom::fill(&mut handle).map_err(|error| Error::fault("random numbers", error))?;
        Ok(Self { handle, count: AtomicU64::default(), hints: AtomicU64::default() })
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle
    }

    pub(super) fn next(&self) -> Token {
        Token { handle: self.handle, number: self.count.fetch_add(1, Ordering::Relaxed) }
    }

    /// A name of a hint, which are counted by themselves so that a listener sees whether it has heard of each.
    pub(super) fn next_hint(&self) -> Token {
        Token { handle: self.handle, number: self.hints.fetch_add(1, Ordering::Relaxed) }
    }
}
