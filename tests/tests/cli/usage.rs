//! Help, completions, and what is said of words that mean nothing.

use super::*;

const VERBS: [&str; 17] = [
    "run",
    "submit",
    "status",
    "result",
    "wait",
    "logs",
    "events",
    "list",
    "top",
    "cancel",
    "rm",
    "cleanup",
    "functions",
    "module",
    "work",
    "doctor",
    "completions",
];

#[test]
fn every_verb_has_help_that_says_what_it_does() {
    let folder = Folder::new();
    let all = folder.run(["--help"]).succeeded();
    assert_eq!(all.err, "");
    has(&all.out, "Exit codes: 0 done, 1 the job failed, 2 usage, 3 not found, 4 refused, 5 host error");
    for verb in VERBS {
        has(&all.out, &format!("\n  {verb} "));
        let help = folder.run([verb, "--help"]).succeeded().out;
        has(&help, &format!("Usage: au-host {verb}"));
        assert_eq!(folder.run(["help", verb]).succeeded().out, help);
    }
    has(&folder.run(["run", "--help"]).out, "Ctrl-C or SIGTERM cancels the job");
    assert!(!folder.data().exists(), "help made a folder");
}

#[test]
fn the_help_of_a_verb_begins_with_what_the_list_of_verbs_says_of_it() {
    let folder = Folder::new();
    let all = folder.run(["--help"]).succeeded().out;
    for verb in VERBS.iter().chain(&["queue", "function", "worker", "store", "schedule", "serve"]) {
        let help = folder.run([verb, "--help"]).succeeded().out;
        let first = help.lines().next().unwrap();
        // A long text is wrapped in the list.
        let spaceless = |text: &str| text.replace(char::is_whitespace, "");
        assert!(spaceless(&all).contains(&spaceless(&format!("{verb}{first}"))), "{verb}: {first}");
        assert!(!first.starts_with('`') && !first.starts_with("The same"), "{verb}: {first}");
    }
}

#[test]
fn every_option_and_argument_is_explained() {
    let folder = Folder::new();
    for verb in VERBS {
        let help = folder.run([verb, "--help"]).succeeded().out;
        let named = |line: &&str| ["-", "<", "[A", "[F", "[T"].iter().any(|start| line.trim().starts_with(start));
        for line in help.lines().filter(named) {
            assert!(line.trim().contains("  "), "{verb}: {line:?}");
        }
    }
}

#[test]
fn nothing_to_do_shows_the_help_and_ends_with_2() {
    let folder = Folder::new();
    let ran = folder.run([]).ended(2);
    assert_eq!(ran.out, "");
    has(&ran.err, "Usage: au-host");
    has(&folder.run(["module"]).ended(2).err, "Usage: au-host module");
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(Folder::new().run(["--version"]).succeeded().out, concat!("au-host ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_slip_is_told_with_what_was_meant() {
    let folder = Folder::new();
    has(&folder.run(["runn"]).failed(2), "a similar subcommand exists: 'run'");
    has(&folder.run(["module", "ad"]).failed(2), "a similar subcommand exists: 'add'");
    let error = folder.run(["run", "guest", "--tiemout", "3s"]).failed(2);
    has(&error, "a similar argument exists: '--timeout'");
    has(&error, "try: `au-host run --help`");
    has(&folder.run(["completions", "fis"]).failed(2), "a similar value exists: 'fish'");
    has(&folder.run(["status"]).failed(2), "<ID>");
    assert!(!folder.data().exists(), "a slip made a folder");
}

#[test]
fn words_that_would_drive_a_terminal_are_escaped() {
    has(&Folder::new().run(["\u{1b}[31mred\u{7}"]).failed(2), "unrecognized subcommand 'red");
    has(&Folder::new().run(["run", "\u{1b}[31mred"]).failed(2), r"\u{1b}[31mred");
}

#[test]
fn each_shell_gets_completions_of_every_verb() {
    let folder = Folder::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = folder.run(["completions", shell]).succeeded().out;
        for word in VERBS.iter().chain(&["max-log-lines", "older-than"]) {
            has(&script, word);
        }
    }
    assert!(!folder.data().exists(), "completions made a folder");
}

#[test]
fn bash_takes_its_completions_and_completes_with_them() {
    let folder = Folder::new();
    let script = folder.run(["completions", "bash"]).succeeded().out;
    folder.write("completions", script);
    let complete =
        "source completions; COMP_WORDS=(au-host li); COMP_CWORD=1; _au__host au-host li au-host; echo ${COMPREPLY[@]}";
    let ran = Ran::of(Command::new("bash").args(["--norc", "-c", complete]).current_dir(folder.0.path()));
    assert_eq!(ran.succeeded().out, "list\n");
}
