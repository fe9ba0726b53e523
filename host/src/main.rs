//! The `au-host` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == "compile-child") {
        return au_host::registry::compile_main();
    }
    ExitCode::from(2)
}
