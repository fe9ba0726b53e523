//! The `au-host` program.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before all else: what compiles a module has little memory to do so.
    if std::env::args_os().nth(1).is_some_and(|first| first == "compile-child") {
        return au_host::registry::compile_main();
    }
    #[cfg(feature = "remote")]
    if std::env::args_os().nth(1).is_some_and(|first| first == au_host::backend::remote::ARGUMENT) {
        return au_host::backend::remote::worker_main();
    }
    cli::main()
}
