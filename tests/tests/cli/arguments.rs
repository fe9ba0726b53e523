//! Words on the command line become the input of a job.

use super::*;

fn echoed(words: &[&str]) -> String {
    Folder::filled().run(["run", "guest", "echo"].into_iter().chain(words.iter().copied())).succeeded().line()
}

#[test]
fn an_argument_is_json_if_it_parses_and_else_a_string() {
    let words = ["1", "-5", "1.5e3", "true", "null", r#"{"a":[1]}"#, "word", r#""7""#, "two words", "[1", ""];
    let expected = r#"[1,-5,1500.0,true,null,{"a":[1]},"word","7","two words","[1",""]"#;
    assert_eq!(echoed(&words), expected);
}

#[test]
fn without_arguments_the_input_is_an_empty_list() {
    assert_eq!(echoed(&[]), "[]");
}

#[test]
fn an_integer_keeps_all_its_digits() {
    assert_eq!(echoed(&["18446744073709551615"]), "[18446744073709551615]");
}

#[test]
fn what_looks_like_an_option_is_an_argument_after_two_dashes() {
    assert_eq!(echoed(&["--", "--json", "-x"]), r#"["--json","-x"]"#);
}

#[test]
fn options_may_stand_before_between_and_after_the_words() {
    let folder = Folder::filled();
    for words in ["--timeout 30s guest echo 1", "guest --timeout 30s echo 1", "guest echo 1 --timeout 30s"] {
        let ran = folder.run(["run"].into_iter().chain(words.split(' '))).succeeded();
        assert_eq!(ran.line(), "[1]");
        assert_eq!(folder.list()[0]["options"]["sandbox"]["limits"]["timeout"], 30_000);
    }
}

#[test]
fn the_content_type_is_told_by_the_files_name() {
    let folder = Folder::filled();
    for (name, kind) in [
        ("a.json", "application/json"),
        ("a.JSON", "application/json"),
        ("a.txt", "text/plain"),
        ("a.csv", "text/csv"),
        ("a.md", "text/markdown"),
        ("a.html", "text/html"),
        ("a.msgpack", "application/msgpack"),
        ("a.cbor", "application/cbor"),
        ("a.png", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ] {
        folder.write(name, "[1]");
        let ran = folder.run(["run", "guest", "echo", "--input", name]).succeeded();
        assert_eq!(ran.out.trim_end(), "[1]");
        assert_eq!(folder.list()[0]["input"]["content_type"], kind, "{name}");
    }
    folder.run(["run", "guest", "echo", "-i", "a.txt", "--content-type", "application/json"]).succeeded();
    assert_eq!(folder.list()[0]["input"]["content_type"], "application/json");
}

#[test]
fn an_input_and_arguments_exclude_each_other() {
    let error = Folder::filled().run(["run", "guest", "echo", "1", "--input", "x"]).failed(2);
    has(&error, "cannot be used with");
    has(&Folder::new().run(["run", "guest", "echo", "--content-type", "text/plain"]).failed(2), "--input <FILE>");
}

#[test]
fn an_input_that_cannot_be_read_is_named() {
    let folder = Folder::filled();
    has(&folder.run(["run", "guest", "echo", "-i", "nothing.json"]).failed(3), "no file nothing.json");
    has(&folder.run(["run", "guest", "echo", "-i", "."]).failed(2), ".: Is a directory");
    assert!(folder.list().is_empty());
}

#[test]
fn wrong_arguments_are_told_from_the_schema_before_anything_runs() {
    let folder = Folder::filled();
    let run = |words: &[&str]| folder.run(["run", "one"].into_iter().chain(words.iter().copied())).failed(2);
    has(&run(&["echo"]), "echo(count: integer, word?: string) takes 1 to 2 arguments, got 0");
    has(&run(&["1", "2", "3"]), "got 3");
    has(&run(&["echo", "many"]), "argument 1 `count`");
    has(&run(&["1", "2"]), "argument 2 `word`");
    has(&run(&["1", "2"]), "is not of type \"string\"");
    assert!(folder.list().is_empty());
}

#[test]
fn an_input_and_an_argument_exclude_each_other_where_the_function_is_left_out_too() {
    let folder = Folder::filled();
    folder.write("input.json", "[5]");
    let error = folder.run(["run", "one", "--input", "input.json", "7"]).failed(2);
    has(&error, "it is the whole input, and 7 is no function of this module but an argument");
    has(&folder.run(["run", "one", "--input", "input.json", "ecko"]).failed(3), "no function ecko");
    assert_eq!(folder.run(["run", "one", "--input", "input.json"]).succeeded().out, "[5]\n");
    assert_eq!(folder.run(["run", "one", "--input", "input.json", "echo"]).succeeded().out, "[5]\n");
}
