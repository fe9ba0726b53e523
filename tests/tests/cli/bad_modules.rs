//! Modules that are not taken, functions that are not there: what is said, and the exit code.

use super::*;

/// Runs a file with these bytes.
fn run(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let folder = Folder::new();
    folder.write(name, bytes);
    let error = folder.run(["run", name]).failed(4);
    assert!(folder.list().is_empty());
    assert!(folder.json(["module", "list"]).as_array().unwrap().is_empty());
    error
}

#[test]
fn a_truncated_module_is_refused_with_the_place_where_it_ends() {
    let bytes = guest::guest();
    has(&run("short.wasm", &bytes[..bytes.len() / 2]), "at offset 0x");
}

#[test]
fn garbage_and_nothing_are_refused() {
    has(&run("garbage.wasm", [0xde, 0xad, 0xbe, 0xef]), "module refused (module_invalid)");
    has(&run("empty.wasm", ""), "the file is empty");
}

#[test]
fn text_is_refused_as_text() {
    has(&run("readme.wasm", "hello, this is text"), "this is text, not WebAssembly: \"hello, this is text\"");
    has(&run("guest.wat", "(module)"), "wat2wasm");
}

#[test]
fn bytes_that_would_drive_a_terminal_are_shown_as_numbers() {
    has(&run("red.wasm", "\u{1b}[31mred"), "it begins with 1b5b33316d726564");
}

#[test]
fn compiled_code_is_refused_by_whatever_name() {
    let compiled = wasmtime::Engine::default().precompile_module(&wat::parse_str("(module)").unwrap()).unwrap();
    has(&run("code.cwasm", &compiled), "module refused (precompiled_refused)");
    has(&run("code.wasm", &compiled), "give the .wasm file it was compiled from");
}

#[test]
fn a_component_that_wants_what_no_host_has_says_what_it_wants() {
    let contract =
        guest::CONTRACT.replace("  import host;", "  import host;\n  import evil: interface { open: func(); }");
    let text =
        include_str!("../../fixtures/guest.wat").replace("(module\n", "(module (import \"evil\" \"open\" (func))\n");
    has(&run("evil.wasm", guest::Parts { contract: &contract, ..guest::Parts::default() }.component(&text)), "evil");
}

#[test]
fn a_component_that_is_no_guest_is_not_run() {
    let folder = Folder::new();
    folder.write("other.wasm", wat::parse_str(include_str!("../../fixtures/answer.wat")).unwrap());
    has(&folder.run(["run", "other.wasm"]).failed(4), "it describes no function");
    has(&folder.run(["run", "other.wasm", "answer"]).failed(4), "it exports no au:compute/guest");
    assert!(folder.list().is_empty());
}

#[test]
fn a_module_over_the_size_limit_is_refused_with_both_sizes() {
    let folder = Folder::new();
    let big = std::fs::File::create(folder.path("big.wasm")).unwrap();
    big.set_len(65 << 20).unwrap();
    let error = folder.run(["run", "big.wasm"]).failed(4);
    if OVER_HTTP {
        // It is not sent to its end, so nobody knows how large it is.
        return has(&error, &(64 << 20).to_string());
    }
    has(&error, "module_too_large");
    has(&error, &(65 << 20).to_string());
}

#[test]
fn a_function_that_is_not_there_is_told_with_the_nearest_that_is() {
    let folder = Folder::filled();
    has(&folder.run(["run", "guest", "ecko"]).failed(3), "did you mean echo?");
    has(&folder.run(["run", "one", "ecko", "1"]).failed(3), "did you mean echo?");
    has(&folder.run(["run", "guest", "zzzzzz"]).failed(3), "no function zzzzzz");
    // Over HTTP, this is more than a URL holds.
    let code = if OVER_HTTP { 2 } else { 3 };
    assert!(folder.run(["run", "guest", &"z".repeat(100_000)]).failed(code).len() < 1000);
}

#[test]
fn a_module_that_is_not_there_is_told_with_the_nearest_that_is() {
    let folder = Folder::filled();
    has(&folder.run(["run", "gest", "echo"]).failed(3), "did you mean guest?");
    has(&folder.run(["run", "zzzzzz", "echo"]).failed(3), "no module zzzzzz");
    has(&folder.run(["run", "./zzzzzz.wasm"]).failed(3), "no file ./zzzzzz.wasm");
    has(&folder.run(["run", &format!("sha256:{}", "0".repeat(64))]).failed(3), "no module sha256:000");
}

#[test]
fn what_can_be_no_modules_name_is_told_as_such() {
    let folder = Folder::filled();
    for name in ["", "UPPER", "a b", "..", "sha256:00", "\u{1b}[31m"] {
        has(&folder.run(["run", name]).failed(2), "is not valid");
    }
    has(&folder.run(["run", "."]).failed(2), "is not valid");
    has(&folder.run(["run", "./"]).failed(2), "Is a directory");
}
