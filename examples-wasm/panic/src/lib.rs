//! Panics: for trying what becomes of the message.

use au_guest::async_compute;

/// Panics with this message, or with one of its own.
#[async_compute]
pub fn panic(message: Option<String>) {
    match message {
        Some(message) => panic!("{message}"),
        None => panic!("this function always panics"),
    }
}
