//! A server of Redis of our own: in a temporary folder, on a socket and a free port. It ends with whoever started it, however that ends.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::machine;

/// What must be there: the server, its client, and what lets it end with us.
const PROGRAMS: [&str; 3] = ["redis-server", "redis-cli", "setpriv"];
/// How often another port is tried: somebody may be faster.
const TRIES: usize = 20;

static PREFIX: AtomicU64 = AtomicU64::new(0);
static SHARED: Mutex<Option<Server>> = Mutex::new(None);

/// Whether there is all that a server needs. Says so by this name when not.
#[must_use]
pub fn is_there(who: &str) -> bool {
    let missing = PROGRAMS.iter().find(|program| !machine::has(program));
    if let Some(program) = missing {
        machine::skip(&format!("{who}: there is no {program} (`cargo xtask setup`)"));
    }
    missing.is_none()
}

/// A server, and the folder it keeps things in.
#[derive(Debug)]
pub struct Server {
    settings: Vec<String>,
    folder: TempDir,
    port: u16,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    // The system kills the server when the thread that started it ends: this thread ends with this end of the channel.
    _keeper: mpsc::Sender<()>,
}

impl Server {
    /// A server that syncs each write before it answers.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// A server with these settings and no others but where it is.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        let settings = settings.iter().map(|word| (*word).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { settings, folder, port: 0, running: None };
        let started = (0..TRIES).any(|_| {
            server.port = TcpListener::bind(("127.0.0.1", 0)).and_then(|port| port.local_addr()).unwrap().port();
            server.try_start()
        });
        assert!(started, "redis-server does not start");
        server
    }

    fn try_start(&mut self) -> bool {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "redis-server", "--save", "", "--bind", "127.0.0.1", "--logfile", ""]);
        command.arg("--port").arg(self.port.to_string()).arg("--dir").arg(self.folder.path());
        command.arg("--unixsocket").arg(self.socket()).args(&self.settings);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let (keeper, ends) = mpsc::channel::<()>();
        let (tell, started) = mpsc::channel();
        std::thread::spawn(move || {
            tell.send(command.spawn()).unwrap();
            // Until nobody holds the other end.
            let _ended = ends.recv();
        });
        let mut child = started.recv().unwrap().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains("eady to accept connections"));
        // What it says further must be read, or it would wait for that.
        std::thread::spawn(move || lines.for_each(drop));
        self.running = Some(Running { child, _keeper: keeper });
        if !ready {
            self.kill();
        }
        ready
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// A store of its own on this server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}?prefix={}", self.socket().display(), fresh())
    }

    /// The same, over TCP; `who` is nothing, or `user:password@`.
    #[must_use]
    pub fn tcp(&self, who: &str) -> String {
        format!("redis://{who}127.0.0.1:{}?prefix={}", self.port, fresh())
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks the server something and gives the answer as text.
    ///
    /// # Panics
    /// When it cannot be asked.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        let output = command.arg("-s").arg(self.socket()).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Ends it as a power cut would, but for the system's memory.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn kill(&mut self) {
        if let Some(Running { mut child, .. }) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again, with what it has kept.
    ///
    /// # Panics
    /// When it does not start.
    pub fn again(&mut self) {
        // It reads its data before it opens its port, which somebody may have taken by then: hardly, in so short a time.
        assert!((0..TRIES).any(|_| self.try_start()), "redis-server does not start again");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A beginning of keys that no other store has.
fn fresh() -> String {
    format!("t{}", PREFIX.fetch_add(1, Ordering::Relaxed))
}

/// A store of its own on a server that all subjects of a suite share.
#[must_use]
pub fn shared() -> String {
    lock().get_or_insert_with(Server::start).url()
}

/// Ends that server; the last thing a suite does, for what is static is never dropped.
pub fn end() {
    drop(lock().take());
}

fn lock() -> MutexGuard<'static, Option<Server>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}
