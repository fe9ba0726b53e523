//! What is done to this repository, in one place: `cargo xtask` lists it. No dependencies, so that it starts in seconds.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever works on this")]

mod bench;
mod ci;
mod demo;
mod guests;
mod inputs;
mod new;
mod setup;
mod sh;
mod test;

use std::process::ExitCode;

type Result<T = (), E = String> = std::result::Result<T, E>;

struct Verb {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result,
}

const VERBS: [Verb; 8] = [
    Verb { name: "setup", about: "see that everything is there, and get what is missing", run: |_| setup::setup() },
    Verb { name: "guests", about: "compile the examples to target/guests", run: |_| guests::guests() },
    Verb { name: "new", about: "make a crate for functions of your own in the folder that is given", run: new::new },
    Verb { name: "demo", about: "set up, build, and run the main job on real input", run: |_| demo::demo() },
    Verb {
        name: "test",
        about: "set up, build, and run all tests; words after it go to `cargo test`",
        run: test::test,
    },
    Verb { name: "bench", about: "print every figure beside its limit", run: bench::bench },
    Verb {
        name: "soak",
        about: "kill hosts for as many minutes as are given, 10 if none are: one under load, then three on each shared store, paused too; and fail each single write",
        run: test::soak,
    },
    Verb { name: "ci", about: "everything that must hold before a change lands", run: |_| ci::ci() },
];

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let Some(verb) = words.first().and_then(|name| VERBS.iter().find(|verb| verb.name == name)) else {
        return help();
    };
    match (verb.run)(&words[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\ncargo xtask {}: {why}", verb.name);
            ExitCode::FAILURE
        }
    }
}

fn help() -> ExitCode {
    println!("cargo xtask VERB\n");
    for Verb { name, about, .. } in VERBS {
        println!("  {name:8} {about}");
    }
    ExitCode::from(2)
}
