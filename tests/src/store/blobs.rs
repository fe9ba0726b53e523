//! Blobs.

use std::sync::Arc;

use au_host::Store;
use bytes::Bytes;
use futures::future::join_all;

use super::{Open, naughty};

fn of(size: usize, seed: u8) -> Bytes {
    (0..size).map(|at| (at / 251).to_le_bytes()[0] ^ seed).collect()
}

pub(super) async fn put_and_removed(store: Arc<dyn Store>) {
    assert_eq!(store.blob("a/b").await.unwrap(), None);
    for size in [0, 1, (1 << 20) - 1, 1 << 20, 9_000_001] {
        store.put_blob("a/b", &of(size, 7)).await.unwrap();
        assert!(store.blob("a/b").await.unwrap() == Some(of(size, 7)), "{size} bytes");
    }
    assert_eq!(store.notes("", 10).await.unwrap(), [], "a blob is no note");
    assert!(store.remove_blob("a/b").await.unwrap());
    assert!(!store.remove_blob("a/b").await.unwrap());
    assert_eq!(store.blob("a/b").await.unwrap(), None);
    for text in naughty::TEXTS {
        store.put_blob(text, &Bytes::from_static(text.as_bytes())).await.unwrap();
    }
    for text in naughty::TEXTS {
        assert_eq!(store.blob(text).await.unwrap().unwrap(), text.as_bytes(), "{text:?}");
    }
}

pub(super) async fn put_at_once(store: Arc<dyn Store>) {
    let put = |seed: u8| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            store.put_blob("one", &of(3_000_000, seed)).await.unwrap();
            let read = store.blob("one").await.unwrap().unwrap();
            assert!((0..8).any(|seed| read == of(3_000_000, seed)), "a blob of two");
        })
    };
    for put in join_all((0..8).map(put)).await {
        put.unwrap();
    }
}

pub(super) async fn shared(open: Open) {
    let (one, two) = (open(), open());
    one.put_blob("a", &of(2_000_000, 1)).await.unwrap();
    assert!(two.blob("a").await.unwrap() == Some(of(2_000_000, 1)));
    assert!(two.remove_blob("a").await.unwrap());
    assert_eq!(one.blob("a").await.unwrap(), None);
}
