//! The guest's side of the contract (`wit/au-compute.wit`), and the panic hook of a guest.
#![allow(unsafe_code, reason = "the component model's calling convention is made of it")]

use std::sync::Once;
use std::time::Duration;

use crate::failure::Failure;
use crate::say::{Attempt, Level};

mod bindings {
    #![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated")]
    wit_bindgen::generate!({ path: "../wit", world: "compute", runtime_path: "::wit_bindgen::rt" });
    export!(Guest);

    pub(super) struct Guest;

    impl exports::au::compute::guest::Guest for Guest {
        fn functions() -> Vec<au::compute::types::Function> {
            super::functions()
        }

        fn call(
            name: String,
            input: au::compute::types::Payload,
        ) -> Result<au::compute::types::Payload, au::compute::types::Failure> {
            super::call(&name, input)
        }
    }
}

use bindings::au::compute::{host, types};

fn functions() -> Vec<types::Function> {
    let described = crate::registry::functions().into_iter();
    let function = |function: crate::Described| types::Function {
        name: function.name,
        summary: function.summary,
        input_schema: function.input_schema,
        output_schema: function.output_schema,
    };
    described.map(function).collect()
}

fn call(name: &str, input: types::Payload) -> Result<types::Payload, types::Failure> {
    report_panics();
    match crate::registry::call(name, &input.content_type, &input.bytes) {
        Ok(output) => Ok(types::Payload { content_type: output.content_type.into_owned(), bytes: output.bytes }),
        Err(Failure::InvalidInput(message)) => Err(types::Failure::InvalidInput(message)),
        Err(Failure::Failed(message)) => Err(types::Failure::Failed(message)),
        Err(Failure::Transient(message)) => Err(types::Failure::Transient(message)),
    }
}

/// A panic ends in a trap, which has no message: the host is told before.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(|at| {
                let mut text = String::from(at.file());
                for number in [at.line(), at.column()] {
                    text.push(':');
                    text.push_str(&number.to_string());
                }
                text
            });
            host::panicked(panic.payload_as_str().unwrap_or("a panic"), &location.unwrap_or_default());
        }));
    });
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Trace => host::Level::Trace,
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::log(level, message);
}

pub(crate) fn progress(done: f32, note: &str) {
    host::progress(done, note);
}

pub(crate) fn cancelled() -> bool {
    host::cancelled()
}

pub(crate) fn current() -> Attempt {
    let attempt = host::current();
    Attempt { job: attempt.job, number: attempt.number, remaining: Duration::from_millis(attempt.remaining_ms) }
}
