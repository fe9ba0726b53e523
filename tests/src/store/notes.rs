//! Notes.

use std::sync::Arc;

use au_host::Store;

use super::{Open, naughty};

async fn names(store: &Arc<dyn Store>, prefix: &str, limit: usize) -> Vec<String> {
    store.notes(prefix, limit).await.unwrap().into_iter().map(|note| note.name).collect()
}

pub(super) async fn put_and_removed(store: Arc<dyn Store>) {
    for bytes in [b"one".as_slice(), b"", &[0, 0xff, 7]] {
        store.put_note("a/b", bytes).await.unwrap();
        let notes = store.notes("a/b", 10).await.unwrap();
        assert_eq!(notes.iter().map(|note| (&*note.name, &*note.bytes)).collect::<Vec<_>>(), [("a/b", bytes)]);
    }
    assert!(store.remove_note("a/b").await.unwrap());
    assert!(!store.remove_note("a/b").await.unwrap());
    assert_eq!(store.notes("", 10).await.unwrap(), []);
}

pub(super) async fn by_prefix(store: Arc<dyn Store>) {
    for name in ["b", "a/2", "a/1", "a", "a/", "a/é", "a0", "A/1"] {
        store.put_note(name, name.as_bytes()).await.unwrap();
    }
    assert_eq!(names(&store, "a/", 10).await, ["a/", "a/1", "a/2", "a/é"]);
    assert_eq!(names(&store, "a/", 2).await, ["a/", "a/1"]);
    assert_eq!(names(&store, "a", 1).await, ["a"], "the one of this very name is first");
    assert_eq!(names(&store, "", 100).await.len(), 8);
    assert_eq!(names(&store, "nothing", 100).await, [""; 0]);
    for text in naughty::TEXTS {
        store.put_note(&format!("t/{text}"), text.as_bytes()).await.unwrap();
    }
    for note in store.notes("t/", 1000).await.unwrap() {
        assert_eq!(note.name.as_bytes()[2..], note.bytes);
    }
}

pub(super) async fn shared(open: Open) {
    let (one, two) = (open(), open());
    one.put_note("a", b"1").await.unwrap();
    assert_eq!(two.notes("a", 1).await.unwrap()[0].bytes, b"1");
    assert!(two.remove_note("a").await.unwrap());
    assert_eq!(one.notes("a", 1).await.unwrap(), []);
}
