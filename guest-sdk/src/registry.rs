//! The marked functions of this module. Each adds itself before anything is called, by a constructor that the linker keeps.

use std::sync::{Mutex, PoisonError};

use crate::bytes::Payload;
use crate::failure::Failure;
use crate::function::{Described, Function};
use crate::input::Input;

static FUNCTIONS: Mutex<Vec<&'static Function>> = Mutex::new(Vec::new());

/// Adds a function. A second time, which a linker may cause, changes nothing.
pub fn add(function: &'static Function) {
    let mut functions = FUNCTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if !functions.iter().any(|known| std::ptr::eq(*known, function)) {
        let at = functions.iter().position(|known| known.name > function.name).unwrap_or(functions.len());
        functions.insert(at, function);
    }
}

fn all() -> Vec<&'static Function> {
    FUNCTIONS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What can be called: every function marked in this program or module, by name.
#[must_use]
pub fn functions() -> Vec<Described> {
    all().into_iter().map(crate::schema::describe).collect()
}

/// Calls a marked function as the host does. For tests of what a payload does to it.
///
/// # Errors
/// What the function says; `InvalidInput` when there is none of this name, or it cannot read the input.
pub fn call(name: &str, content_type: &str, input: &[u8]) -> Result<Payload, Failure> {
    match all().into_iter().find(|function| function.name == name) {
        Some(function) => (function.call)(Input { content_type, bytes: input }),
        None => Err(Failure::InvalidInput(["there is no function ", name].concat())),
    }
}
