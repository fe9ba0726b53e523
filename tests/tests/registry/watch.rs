//! Watches the compile children of one registry.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// Counts the compile children of one registry: how many there were at once, and how many in all. They are told from those
/// of other tests by the name they are started by.
pub(crate) struct Watch {
    program: PathBuf,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(usize, usize)>,
}

impl Watch {
    pub(crate) fn start(dir: &Path) -> Self {
        let program = dir.join("watched-au-host");
        symlink(child().program().unwrap(), &program).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, watched) = (stop.clone(), program.clone());
        let thread = std::thread::spawn(move || {
            let (mut most, mut seen) = (0, BTreeSet::new());
            while !stopped.load(Ordering::Relaxed) {
                let running = running(&watched);
                most = most.max(running.len());
                seen.extend(running);
                std::thread::yield_now();
            }
            (most, seen.len())
        });
        Self { program, stop, thread }
    }

    pub(crate) fn compiler(&self) -> Compiler {
        Compiler::Child(self.program.clone())
    }

    pub(crate) fn stop(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The processes that were started as `program`.
fn running(program: &Path) -> Vec<u32> {
    let name = program.as_os_str().as_encoded_bytes();
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|command| command.starts_with(name)))
        .collect()
}
