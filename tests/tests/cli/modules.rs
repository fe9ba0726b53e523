//! `module` and `functions`: what can be called.

use super::*;

#[test]
fn a_module_is_added_under_its_files_name_and_shows_what_it_has() {
    let folder = Folder::new();
    let ran = folder.run(["module", "add", "one.wasm"]).succeeded();
    let digest = au_host::Digest::of(&std::fs::read(folder.path("one.wasm")).unwrap());
    let expected = format!("one {digest}\n  echo(count: integer, word?: string)\n      Says it again.\n");
    assert_eq!((&*ran.out, &*ran.err), (&*expected, ""));
    // The same bytes a second time change nothing.
    assert_eq!(folder.run(["module", "add", "one.wasm"]).succeeded().out, expected);
    assert_eq!(folder.json(["module", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn several_files_are_added_in_one_go() {
    let folder = Folder::filled();
    let names = folder.json(["module", "list"]);
    let mut names: Vec<_> =
        names.as_array().unwrap().iter().map(|module| module["aliases"][0].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["guest", "one"]);
    has(&folder.run(["module", "add", "one.wasm", "guest.wasm", "--name", "x"]).failed(2), "one name");
}

#[test]
fn a_module_may_have_another_name_or_none() {
    let folder = Folder::new();
    has(&folder.run(["module", "add", "one.wasm", "--name", "math.v2"]).succeeded().out, "math.v2 sha256:");
    folder.run(["run", "math.v2", "5"]).succeeded();
    let nameless = folder.run(["module", "add", "guest.wasm", "--no-name"]).succeeded();
    assert!(nameless.out.starts_with("sha256:"), "{}", nameless.out);
    folder.run(["run", nameless.out.lines().next().unwrap(), "echo"]).succeeded();
    has(&folder.run(["module", "add", "one.wasm", "--name", "Not A Name"]).failed(2), "is not 1 to 64 of a-z 0-9");
    has(&folder.run(["module", "add", "one.wasm", "--name", "../up"]).failed(2), "is not 1 to 64 of a-z 0-9");
}

#[test]
fn a_file_whose_name_is_no_modules_says_how_to_give_one() {
    let folder = Folder::new();
    std::fs::rename(folder.path("one.wasm"), folder.path("My One.wasm")).unwrap();
    let ran = folder.run(["module", "add", "My One.wasm"]).succeeded();
    assert!(ran.out.starts_with("sha256:"), "{}", ran.out);
    has(&ran.err, "--name gives it one");
    folder.run(["run", "My One.wasm", "5"]).succeeded();
}

#[test]
fn a_list_has_names_sizes_and_functions() {
    let folder = Folder::new();
    let none = folder.run(["module", "list"]).succeeded();
    assert_eq!(none.out, "");
    has(&none.err, "au-host module add FILE");
    folder.run(["module", "add", "one.wasm"]).succeeded();
    let list = folder.run(["module", "list"]).succeeded().out;
    let row: Vec<_> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[3], row[4]), ("one", "compute", "echo"));
}

#[test]
fn show_tells_what_a_module_is_and_asks_for() {
    let folder = Folder::filled();
    let shown = folder.run(["module", "show", "one"]).succeeded().out;
    let facts = folder.json(["module", "show", "one"]);
    has(&shown, facts["digest"].as_str().unwrap());
    has(&shown, "kind     compute");
    has(&shown, "imports  au:compute/host@0.1.0");
    has(&shown, "echo(count: integer, word?: string)");
    has(&folder.run(["module", "show", "two"]).failed(3), "no module two");
}

#[test]
fn a_name_moves_to_another_module_and_jobs_keep_theirs() {
    let folder = Folder::filled();
    let job = folder.run(["submit", "one", "5", "--no-worker"]).succeeded().line();
    let ran = folder.run(["module", "alias", "one", "guest"]).succeeded();
    has(&ran.err, "one is sha256:");
    has(&folder.run(["run", "one"]).failed(2), "say which function");
    assert_eq!(folder.run(["result", &job]).succeeded().out, "[5]\n");
}

#[test]
fn with_its_last_name_a_module_goes() {
    let folder = Folder::filled();
    folder.run(["module", "alias", "two", "one"]).succeeded();
    has(&folder.run(["module", "rm", "one"]).succeeded().err, "has others");
    folder.run(["run", "two", "5"]).succeeded();
    has(&folder.run(["module", "rm", "two"]).succeeded().err, "removed sha256:");
    folder.run(["run", "two", "5"]).failed(3);
    has(&folder.run(["module", "rm", "two"]).failed(3), "no module two");
}

#[test]
fn a_module_that_a_job_waits_for_is_not_removed() {
    let folder = Folder::filled();
    let job = folder.run(["submit", "one", "5", "--delay", "1h"]).succeeded().line();
    has(&folder.run(["module", "rm", "one"]).failed(4), &job);
    folder.run(["cancel", &job]).succeeded();
    folder.run(["module", "rm", "one"]).succeeded();
}

#[test]
fn functions_are_those_of_one_module_or_of_all() {
    let folder = Folder::filled();
    let one = folder.run(["functions", "one"]).succeeded().out;
    assert_eq!(one, "echo(count: integer, word?: string)\n      Says it again.\n");
    assert_eq!(folder.run(["functions", "one.wasm"]).succeeded().out, one);
    let all = folder.run(["functions"]).succeeded().out;
    has(&all, "one:\n  echo(count: integer, word?: string)");
    has(&all, "guest:\n  echo\n");
    has(&all, "  huge-line\n");
    let facts = folder.json(["functions", "one"]);
    assert_eq!((&facts[0]["name"], &facts[0]["input_schema"]["minItems"]), (&"echo".into(), &1.into()));
    assert_eq!(folder.json(["functions"]).as_array().unwrap().len(), 22);
}
