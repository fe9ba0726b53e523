//! How many handles a guest may hold at once: streams, pollables, files. Each file is one of those that the process may have
//! open, and the host needs some itself.

use rustix::process::{Resource, getrlimit};

/// However many files the process may open.
const MOST: usize = 4_096;
/// What WASI takes for itself, and a few files.
const LEAST: usize = 64;

/// So many that all attempts together leave half of the process's files to the host, where that is possible.
pub(super) fn each_of(attempts: usize) -> usize {
    let files = getrlimit(Resource::Nofile).current;
    share(files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX), attempts)
}

fn share(files: usize, attempts: usize) -> usize {
    (files / 2 / attempts.max(1)).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_attempts_together_leave_half_of_the_files_to_the_host() {
        for (files, attempts) in [(1_024, 8), (20_000, 128), (1 << 20, 128)] {
            assert!(share(files, attempts) * attempts <= files / 2, "{files} {attempts}");
        }
    }

    #[test]
    fn a_guest_has_enough_to_begin_with_and_never_more_than_it_could_need() {
        assert_eq!((share(0, 0), share(256, 1_000), share(usize::MAX, 1)), (LEAST, LEAST, MOST));
    }
}
