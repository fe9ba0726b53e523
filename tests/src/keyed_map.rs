//! The simplest engine there is for a store of keys and values: a map in memory, which several handles may share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use au_host::store::keyed::{Commit, Keyed, KeyedStore, Order, Range};
use au_host::{Result, Store};
use bytes::Bytes;
use tokio::sync::Notify;

/// The engine. A clone is another handle on the same.
#[derive(Clone, Debug, Default)]
pub struct KeyedMap {
    map: Arc<Mutex<BTreeMap<Bytes, Bytes>>>,
    changed: Arc<Notify>,
}

impl KeyedMap {
    /// Another store on what is in here.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn store(&self) -> Arc<dyn Store> {
        Arc::new(KeyedStore::open(self.clone()).await.unwrap())
    }

    /// What is in it, to look at or to spoil.
    ///
    /// # Panics
    /// When whoever had it panicked.
    pub fn map(&self) -> MutexGuard<'_, BTreeMap<Bytes, Bytes>> {
        self.map.lock().unwrap()
    }
}

#[async_trait]
impl Keyed for KeyedMap {
    async fn get(&self, keys: Vec<Bytes>) -> Result<Vec<Option<Bytes>>> {
        assert!(keys.len() <= 256, "{} keys", keys.len());
        let map = self.map();
        Ok(keys.iter().map(|key| map.get(key).cloned()).collect())
    }

    async fn range(&self, Range { from, to, order, limit }: Range) -> Result<Vec<(Bytes, Bytes)>> {
        assert!(limit <= 256, "{limit} keys");
        let map = self.map();
        let mut entries = map.range(from..to);
        let next = || match order {
            Order::Forwards => entries.next(),
            Order::Backwards => entries.next_back(),
        };
        Ok(std::iter::from_fn(next).take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    async fn commit(&self, commit: Commit) -> Result<bool> {
        assert_modest(&commit);
        let mut map = self.map();
        if commit.expected.iter().any(|(key, value)| map.get(key) != value.as_ref()) {
            return Ok(false);
        }
        for (key, value) in commit.changes {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        self.changed.notify_waiters();
        Ok(true)
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// As much as the contract says that a commit has: what engines take that have narrow limits.
fn assert_modest(Commit { expected, changes }: &Commit) {
    let keys = expected.keys().chain(changes.keys().filter(|key| !expected.contains_key(*key)));
    let values = expected.values().chain(changes.values()).flatten();
    let (count, bytes) = (keys.clone().count(), values.clone().map(Bytes::len).sum::<usize>());
    assert!(count <= 100 && bytes <= 1 << 20, "{count} keys, {bytes} bytes");
    assert!(keys.clone().all(|key| key.len() <= 2 << 10) && values.clone().all(|value| value.len() <= 100_000));
}
