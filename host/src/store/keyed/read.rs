//! Reads of the engine, in steps of bounded size.

use bytes::Bytes;

use super::{KeyedStore, Order, Range, keys};
use crate::error::{Error, Result};

/// Keys that are read in one step.
pub(super) const PAGE: usize = 256;

/// An answer that no engine gives which keeps the contract.
pub(super) fn strange() -> Error {
    Error::fault("store", "the engine gave what the store never put there, or less than was asked for")
}

impl KeyedStore {
    pub(super) async fn read(&self, key: Bytes) -> Result<Option<Bytes>> {
        let [value] = self.read_each([key]).await?;
        Ok(value)
    }

    pub(super) async fn read_each<const N: usize>(&self, keys: [Bytes; N]) -> Result<[Option<Bytes>; N]> {
        self.keyed.get(keys.to_vec()).await?.try_into().map_err(|_| strange())
    }

    pub(super) async fn read_all(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        let mut values = Vec::with_capacity(keys.len());
        for some in keys.chunks(PAGE) {
            values.extend(self.keyed.get(some.to_vec()).await?);
        }
        if values.len() == keys.len() { Ok(values) } else { Err(strange()) }
    }

    /// The first key that begins so.
    pub(super) async fn first(&self, prefix: &[u8]) -> Result<Option<Bytes>> {
        let mut page = Pages::of(prefix);
        Ok(page.next(self, 1).await?.pop().map(|(key, _)| key))
    }

    /// The first so many of those that begin so.
    pub(super) async fn all(&self, prefix: &[u8], most: usize) -> Result<Vec<(Bytes, Bytes)>> {
        let (mut pages, mut found) = (Pages::of(prefix), Vec::new());
        while !pages.is_over() && found.len() < most {
            found.extend(pages.next(self, most - found.len()).await?);
        }
        Ok(found)
    }
}

/// Keys between two, page by page.
#[derive(Debug)]
pub(super) struct Pages {
    from: Bytes,
    to: Bytes,
    order: Order,
}

impl Pages {
    /// All that begin so.
    pub(super) fn of(prefix: &[u8]) -> Self {
        Self::between(Bytes::copy_from_slice(prefix), keys::end(prefix))
    }

    pub(super) fn between(from: Bytes, to: Bytes) -> Self {
        Self { from, to, order: Order::Forwards }
    }

    /// The same from its end.
    pub(super) fn backwards(self) -> Self {
        Self { order: Order::Backwards, ..self }
    }

    pub(super) fn is_over(&self) -> bool {
        self.from >= self.to
    }

    /// Goes on from here.
    pub(super) fn skip_to(&mut self, from: Bytes) {
        self.from = from;
    }

    /// At most so many more, and no more than a page.
    pub(super) async fn next(&mut self, store: &KeyedStore, most: usize) -> Result<Vec<(Bytes, Bytes)>> {
        let limit = most.min(PAGE);
        if limit == 0 || self.is_over() {
            return Ok(Vec::new());
        }
        let range = Range { from: self.from.clone(), to: self.to.clone(), order: self.order, limit };
        let page = store.keyed.range(range).await?;
        match page.last().filter(|_| page.len() >= limit) {
            None => self.from = self.to.clone(),
            Some((last, _)) if self.order == Order::Forwards => self.from = keys::after(last),
            Some((last, _)) => self.to = last.clone(),
        }
        Ok(page)
    }
}
