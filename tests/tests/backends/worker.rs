//! A host in a process of its own, which runs jobs on some backend, and what can be seen of its children.

use super::*;

/// `au-host work` on a store with `guest` in it, which nobody else works on. Killed when it is dropped.
pub(crate) struct Worker {
    child: Child,
    folder: Folder,
}

impl Worker {
    pub(crate) fn start(backend: &str) -> Self {
        Self::configured(&["--backend", backend], "")
    }

    /// With these settings, and these words on its command line.
    pub(crate) fn configured(words: &[&str], settings: &str) -> Self {
        let folder = Folder::new();
        let settings = folder.write("settings.toml", settings);
        let mut worker = on_its_store(&folder, ["work", "--slots", "4", "--config", settings.to_str().unwrap()]);
        worker.args(words).stdout(Stdio::null()).stderr(Stdio::null());
        Ran::of(&mut on_its_store(&folder, ["module", "add", "guest.wasm"])).succeeded();
        Self { child: worker.spawn().unwrap(), folder }
    }

    fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Ran {
        Ran::of(&mut on_its_store(&self.folder, words)).succeeded()
    }

    pub(crate) fn submit(&self, call: &[&str]) -> String {
        self.run(["submit", "guest"].iter().chain(call).copied()).line()
    }

    pub(crate) fn status(&self, id: &str) -> Value {
        self.run(["status", id, "--json"]).json()
    }

    /// Waits until an attempt of this number runs.
    pub(crate) fn running(&self, id: &str, attempt: u32) {
        until("an attempt", || {
            Some(self.status(id)).filter(|job| job["status"] == "running" && job["attempt"] == attempt)
        });
    }

    /// Calls a function that says "half" and never ends by itself.
    pub(crate) fn endless(&self, words: &[&str]) -> String {
        self.submit(&["progress", "for ever"].iter().chain(words).copied().collect::<Vec<_>>())
    }

    /// Waits until the guest of that attempt has said so: before, the attempt may be on its way still.
    pub(crate) fn at_half(&self, id: &str, attempt: u32) {
        let is_there = |job: &Value| job["attempt"] == attempt && job["progress"]["done"] == 0.5;
        until("half of an attempt", || Some(self.status(id)).filter(is_there));
    }

    /// Waits for its end, and gives what is known of it then.
    pub(crate) fn ended(&self, id: &str) -> Value {
        let over = |job: &Value| !["running", "pending"].contains(&job["status"].as_str().unwrap());
        until("its end", || Some(self.status(id)).filter(over))
    }

    /// Runs a job as if nothing had happened before.
    pub(crate) fn echoes(&self) {
        let id = self.submit(&["echo", "7"]);
        assert_eq!(self.ended(&id)["status"], "completed");
    }

    pub(crate) fn cancel(&self, id: &str) {
        self.run(["cancel", id]);
    }

    /// Its children that run attempts, and whether each is on a core right now.
    pub(crate) fn children(&self) -> Vec<(u32, bool)> {
        children_of(self.child.id())
    }

    /// The one that runs something.
    pub(crate) fn busy(&self) -> u32 {
        until("a busy child", || self.children().into_iter().find(|child| child.1)).0
    }

    pub(crate) fn kill(&mut self) {
        // It may be dead already.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command on a store that those share who are told of it: nobody starts workers there by the way.
pub(crate) fn on_its_store<'a>(folder: &Folder, words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = folder.command(words);
    command.env("AU_STORE", format!("file:{}", folder.path("store").display()));
    command
}

pub(crate) fn children_of(parent: u32) -> Vec<(u32, bool)> {
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let child = |id: u32| {
        let words = fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let parent_of = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()?;
        (parent_of == parent && words.contains("attempt-child")).then(|| (id, is_on_core(id)))
    };
    ids.filter_map(child).collect()
}

/// Whether any of its threads is on a core, or waits for one.
fn is_on_core(id: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { return false };
    threads.flatten().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R'))
    })
}

pub(crate) fn signal(id: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap().success());
}

pub(crate) fn lives(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}
