//! What the death of a child is called.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::Signal;

use crate::failure::clean;

const NAMES: [(Signal, &str); 15] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL"),
    (Signal::TRAP, "SIGTRAP"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::KILL, "SIGKILL"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::TERM, "SIGTERM"),
    (Signal::XCPU, "SIGXCPU"),
    (Signal::XFSZ, "SIGXFSZ"),
    (Signal::SYS, "SIGSYS"),
];
const TALK: usize = 512;

/// What became of a child, to be read after "its worker", with what it said last.
pub(super) fn death(status: ExitStatus, talk: &str) -> String {
    let how = match (status.signal(), status.code()) {
        (Some(number), _) => match NAMES.iter().find(|(signal, _)| signal.as_raw() == number) {
            Some((_, name)) => format!("was killed by {name} ({number})"),
            None => format!("was killed by signal {number}"),
        },
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => format!("ended with {status}"),
    };
    match talk.trim() {
        "" => how,
        talk => format!("{how}: {}", clean(talk, TALK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_told_by_its_signal_or_its_exit_code_and_the_last_words() {
        assert_eq!(death(ExitStatus::from_raw(9), ""), "was killed by SIGKILL (9)");
        assert_eq!(death(ExitStatus::from_raw(11 | 0x80), "core\n"), "was killed by SIGSEGV (11): core");
        assert_eq!(death(ExitStatus::from_raw(40), ""), "was killed by signal 40");
        assert_eq!(death(ExitStatus::from_raw(5 << 8), " no \u{1b} "), "ended with exit code 5: no \\u{1b}");
    }
}
