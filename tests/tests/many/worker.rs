//! A host in a process of its own that works on a store, and somebody who asks.

use super::*;

/// `au-host worker` on a store, in a folder of its own, with its log in a file there. Killed when it is dropped.
pub(crate) struct Worker {
    folder: Folder,
    child: Child,
}

impl Worker {
    pub(crate) fn start(store: &str) -> Self {
        let folder = Folder::new();
        let log = fs::File::create(folder.path("log")).unwrap();
        let mut command = folder.command(["worker", "--slots", "2", "--label", "gpu=none", "--store", store]);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { folder, child }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap()
    }

    /// Waits for it to end by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A paused one dies as well. It may be dead already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Who keeps jobs in a store and asks after them, and runs nothing.
pub(crate) struct Asker {
    folder: Folder,
    store: String,
}

impl Asker {
    /// With `guest` in the store.
    pub(crate) fn new(store: &str) -> Self {
        let asks = Self { folder: Folder::new(), store: store.to_owned() };
        asks.run(&["module", "add", "guest.wasm"]).succeeded();
        asks
    }

    pub(crate) fn workers(&self) -> Vec<Value> {
        self.run(&["worker", "list", "--json"]).succeeded().json().as_array().unwrap().clone()
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.folder.run(words.iter().copied().chain(["--store", &self.store]))
    }

    pub(crate) fn submit(&self, call: &[&str]) -> String {
        self.run(&[&["submit", "guest"], call].concat()).succeeded().line()
    }

    /// `None`: the store was not there.
    pub(crate) fn try_submit(&self, call: &[&str]) -> Option<String> {
        let ran = self.run(&[&["submit", "guest"], call].concat());
        match ran.code {
            Some(0) => Some(ran.line()),
            _ => {
                has(&ran.failed(5), "store");
                None
            }
        }
    }

    pub(crate) fn status(&self, id: &str) -> Value {
        self.run(&["status", id, "--json"]).succeeded().json()
    }

    pub(crate) fn running(&self, id: &str) -> Value {
        until("it to run", || Some(self.status(id)).filter(|job| job["status"] == "running"))
    }

    pub(crate) fn cancel(&self, id: &str) {
        self.run(&["cancel", id]).succeeded();
    }

    pub(crate) fn result(&self, id: &str) -> String {
        self.run(&["result", id, "--timeout", "100s"]).succeeded().out
    }
}
