//! What clap has to say of a command line, said in the three lines in which this program says everything else.

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use super::args::Cli;
use super::logging::Format;
use super::output::Out;
use super::trouble::{Result, Trouble, Wrong};

/// What was typed, if it can be understood; help and version are told at once.
pub(crate) fn parse() -> std::result::Result<Cli, (Out, Result)> {
    let mut command = command();
    let read = command.try_get_matches_from_mut(std::env::args_os()).and_then(|words| Cli::from_arg_matches(&words));
    read.map_err(|error| error.format(&mut command)).map_err(|error| {
        let words: Vec<_> = std::env::args_os().skip(1).collect();
        let out = Out { json: words.iter().any(|word| word == "--json"), quiet: false, logs: Format::Text };
        (out, told(out, &words, &error))
    })
}

/// The command line, where a variable that is empty counts as unset. Those that clap takes empty are looked at where they are used.
fn command() -> clap::Command {
    let empty = |name: &str| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let variables = [("data", "AU_DATA"), ("config", "AU_CONFIG"), ("log_format", "AU_LOG_FORMAT")];
    let unset = variables.into_iter().filter(|(_, name)| empty(name));
    unset.fold(Cli::command(), |command, (id, _)| command.mut_arg(id, |arg| arg.env(Resettable::Reset)))
}

fn told(out: Out, words: &[OsString], error: &clap::Error) -> Result {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => out.help(error),
        ErrorKind::MissingSubcommand => {
            out.note(&meant(words).0.render_help().to_string());
            Err(Trouble::Said(2))
        }
        _ => Err(Trouble::Usage(wrong(&error.render().to_string(), meant(words)))),
    }
}

/// The command that these words name, and how to call it.
fn meant(words: &[OsString]) -> (clap::Command, String) {
    let mut command = Cli::command();
    // Only then do its commands know of the options that all have.
    command.build();
    let mut path = String::from("au-host");
    for word in words.iter().filter_map(|word| word.to_str()) {
        if let Some(found) = command.find_subcommand(word).cloned() {
            path = format!("{path} {word}");
            command = found.bin_name(&path);
        }
    }
    (command, path)
}

/// Takes clap's text apart: what is wrong comes first, tips and choices are indented, and a usage line and a hint follow.
fn wrong(text: &str, (mut command, path): (clap::Command, String)) -> Wrong {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("").trim_start_matches("error: ").trim_end_matches(':');
    let notes = lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let notes: Vec<_> = notes.map(|line| line.trim_start_matches("tip: ").trim_matches(['[', ']'])).collect();
    // `invalid value 'x' for '--timeout <TIME>': "x" is not a time`
    let (what, why) =
        first.split_once("': ").map_or((first.to_owned(), None), |(what, why)| (format!("{what}'"), Some(why)));
    let mut why = why.into_iter().chain(notes).collect::<Vec<_>>().join("; ");
    if why.is_empty() {
        why = command.render_usage().to_string().replacen("Usage: ", "it is used so: ", 1);
    }
    Wrong { what, why, advice: format!("`{path} --help` shows what can be given") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_why_are_told_apart() {
        let wrong = wrong(
            "error: invalid value 'x' for '--timeout <TIME>': no time\n\nFor more information, try '--help'.",
            meant(&[]),
        );
        assert_eq!((&*wrong.what, &*wrong.why), ("invalid value 'x' for '--timeout <TIME>'", "no time"));
    }

    #[test]
    fn a_tip_is_the_reason() {
        let text = "error: unexpected argument '--tiemout' found\n\n  tip: a similar argument exists: '--timeout'\n\nUsage: x\n";
        let wrong = wrong(text, meant(&[]));
        assert_eq!(wrong.what, "unexpected argument '--tiemout' found");
        assert_eq!(wrong.why, "a similar argument exists: '--timeout'");
    }

    #[test]
    fn where_clap_gives_no_reason_the_usage_is_one() {
        let wrong = wrong("error: unrecognized subcommand 'frob'\n\nUsage: x\n", meant(&["rm".into()]));
        assert_eq!(wrong.why, "it is used so: au-host rm [OPTIONS] <ID>...");
        assert_eq!(wrong.advice, "`au-host rm --help` shows what can be given");
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = "error: the following required arguments were not provided:\n  <ID>...\n\nUsage: x\n";
        let wrong = wrong(text, meant(&[]));
        assert_eq!((&*wrong.what, &*wrong.why), ("the following required arguments were not provided", "<ID>..."));
    }

    #[test]
    fn help_is_that_of_the_command_that_was_meant() {
        let words: Vec<OsString> = ["--json", "module", "add", "--nome", "x"].map(Into::into).to_vec();
        assert_eq!(meant(&words).1, "au-host module add");
    }
}
