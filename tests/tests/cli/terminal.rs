//! What a terminal is shown. `script` of util-linux, which every Debian has, plays the terminal.

use std::io::{Read, Write};

use super::*;

/// What is written before a screen is drawn anew.
const ANEW: &str = "\u{1b}[H\u{1b}[2J";

/// What a terminal shows of `$AU …` in a shell, whose own output goes where the words say.
fn shown(folder: &Folder, words: &str) -> Ran {
    Ran::of(terminal(folder, words).stdin(Stdio::null()))
}

/// A terminal with `$AU …` in it. What comes on stdin is typed.
fn terminal(folder: &Folder, words: &str) -> Command {
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &format!("{} {words}", program().display()), "/dev/null"]);
    command.current_dir(folder.0.path()).env("AU_DATA", folder.data()).env("TERM", "xterm").env("SHELL", "/bin/sh");
    command
}

#[test]
fn a_bar_is_shown_on_a_terminal_and_nowhere_else() {
    let folder = Folder::filled();
    let number = folder.number(0);
    let words = format!("run guest progress -i {number}");
    let shown_here = shown(&folder, &format!("{words} > out")).succeeded();
    has(&shown_here.out, "progress [");
    has(&shown_here.out, "50%");
    has(&shown_here.out, "half of it");
    assert_eq!(std::fs::read(folder.path("out")).unwrap(), 0_u32.to_le_bytes());
    let piped = folder.run(words.split(' ')).succeeded();
    assert_eq!((piped.bytes, &*piped.err), (0_u32.to_le_bytes().to_vec(), ""));
    for option in ["--quiet", "--json"] {
        let ran = shown(&folder, &format!("{words} {option} > out")).succeeded();
        assert!(!ran.out.contains('['), "{}", ran.out);
    }
}

#[test]
fn nothing_a_guest_writes_drives_the_terminal() {
    let folder = Folder::filled();
    let three = folder.number(3);
    let log = shown(&folder, &format!("run guest log -i {three} > out")).succeeded().out;
    has(&log, r"\u{1b}[31mred\u{7}");
    assert!(!log.contains("\u{1b}[31m"), "{log:?}");
    folder.write("red.txt", "\u{1b}[31mred\u{7}\u{9b}1m\tand\nmore\n");
    let output = shown(&folder, "run guest echo -i red.txt --ephemeral").succeeded().out;
    has(&output, "\\u{1b}[31mred\\u{7}\\u{9b}1m\tand\r\nmore\r\n");
    // What is not a terminal gets it as it is.
    let piped = folder.run(["run", "guest", "echo", "-i", "red.txt"]).succeeded();
    assert_eq!(piped.bytes, std::fs::read(folder.path("red.txt")).unwrap());
}

#[test]
fn bytes_are_not_written_to_a_terminal() {
    let folder = Folder::filled();
    folder.write("in.dat", [0x1b, 0x5b, 0xff, 0x00]);
    let output = shown(&folder, "run guest echo -i in.dat").succeeded().out;
    let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
    has(
        &output,
        &format!("(4 B of application/octet-stream: not for a terminal; `au-host result {id} -o FILE` writes"),
    );
    assert!(!output.contains('\u{0}'), "{output:?}");
}

#[test]
fn an_error_on_a_terminal_has_its_three_lines() {
    let folder = Folder::filled();
    let error = shown(&folder, "run guest fail").ended(1).out;
    let lines: Vec<_> =
        error.lines().filter(|line| ["error:", "  why:", "  try:"].iter().any(|start| line.contains(start))).collect();
    assert_eq!(lines.len(), 3, "{error}");
}

#[test]
fn top_is_drawn_anew_as_jobs_come_until_q_is_typed() {
    let folder = Folder::filled();
    let mut top = terminal(&folder, "top").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut screen = top.stdout.take().unwrap();
    let mut seen = String::new();
    // It is drawn every second, so that each read ends.
    let mut sees = |what: &str| {
        let began = Instant::now();
        while !seen.contains(what) {
            assert!(began.elapsed() < LONG, "never shown: {what}: {seen:?}");
            let mut piece = [0; 4096];
            let count = screen.read(&mut piece).unwrap();
            assert_ne!(count, 0, "it ended: {seen:?}");
            seen.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        seen.matches(ANEW).count()
    };
    sees("q or Ctrl-C leaves");
    let id = folder.detached(["guest", "spin"]);
    assert!(sees(&id) >= 2, "it is drawn anew");
    top.stdin.take().unwrap().write_all(b"q").unwrap();
    assert_eq!(top.wait().unwrap().code(), Some(0));
    folder.run(["cancel", &id]).succeeded();
}
