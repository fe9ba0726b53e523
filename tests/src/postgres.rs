//! A PostgreSQL server of our own, for as long as the test process lives.
//!
//! A shell looks after it: it does what is written to it, and when nothing more can come, because this process has ended in
//! whatever way, it stops the server and removes its folder.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::machine;

/// Its one user, and the password that is asked for over TCP.
pub const USER: &str = "au";
/// See [`USER`].
pub const PASSWORD: &str = "s3cret-enough";

const SHELL: &str = r#"
bin=$1; dir=$2; data=$dir/data; trap '' INT TERM HUP
all() { pid=$(head -n 1 "$data/postmaster.pid"); echo "$pid" $(cat "/proc/$pid/task/$pid/children"); }
while read -r word rest; do
    case $word in
        init) "$bin/initdb" -D "$data" -U au -E UTF8 --locale=C --auth-local=trust --auth-host=scram-sha-256 --pwfile="$dir/password" -N ;;
        start) "$bin/pg_ctl" -D "$data" -w -t 60 -l "$dir/log" -o "-k $dir $rest" start ;;
        stop) "$bin/pg_ctl" -D "$data" -w -t 60 -m fast stop ;;
        kill) "$bin/pg_ctl" -D "$data" -w -t 60 -m immediate stop ;;
        pause) kill -STOP $(all) ;;
        resume) kill -CONT $(all) ;;
    esac </dev/null >>"$dir/said" 2>&1 && echo done || echo failed
done
kill -CONT $(all) 2>/dev/null
"$bin/pg_ctl" -D "$data" -w -m immediate stop >/dev/null 2>&1
rm -rf "$dir"
"#;

/// A server.
#[derive(Debug)]
pub struct Server {
    bin: PathBuf,
    folder: PathBuf,
    port: u16,
    options: String,
    shell: Mutex<Shell>,
    databases: AtomicU64,
}

#[derive(Debug)]
struct Shell {
    // Ends when its input does.
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Where Debian has the programs of its newest version; `None`: PostgreSQL is not here.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.flatten().map(|version| version.path().join("bin"));
    bins.filter(|bin| bin.join("postgres").is_file()).max()
}

/// The server of this test process; `None`, and a word about it, where PostgreSQL is not installed.
#[must_use]
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(false)).as_ref()
}

impl Server {
    /// Starts one more, with or without waiting for the disk. `None`, and a word about it, where PostgreSQL is not installed.
    #[must_use]
    pub fn start(fsync: bool) -> Option<Self> {
        let Some(bin) = programs() else {
            machine::skip("PostgreSQL is not installed (`cargo xtask setup`)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("au-pg-").tempdir().unwrap().keep();
        std::fs::write(folder.join("password"), PASSWORD).unwrap();
        let shell = Mutex::new(Shell::start(&bin, &folder));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let fsync = if fsync { "on" } else { "off" };
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c max_connections=250 -c shared_buffers=64MB -c fsync={fsync} -c log_min_duration_statement=5s"
        );
        let server = Self { bin, folder, port, options, shell, databases: AtomicU64::new(0) };
        server.tell("init");
        server.again();
        Some(server)
    }

    /// A new, empty database, by its URL over TCP, with the password.
    #[must_use]
    pub fn database(&self) -> String {
        let name = self.new_database();
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{name}?sslmode=disable", self.port)
    }

    /// A new, empty database, by its URL through the server's socket.
    #[must_use]
    pub fn database_by_socket(&self) -> String {
        let name = self.new_database();
        format!("postgresql://{USER}@/{name}?host={}&port={}", self.folder.display(), self.port)
    }

    fn new_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// What the server says to a text of SQL, in the database of a URL or of a name: a line for each row.
    ///
    /// # Panics
    /// When it is an error.
    pub fn sql(&self, database: &str, text: &str) -> String {
        let name = database.rsplit('/').next().unwrap_or(database).split('?').next().unwrap_or(database);
        let name = if database.contains("@/") { between(database, "@/", "?") } else { name };
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", USER, "-d", name, "-c", text]);
        psql.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string()]);
        let output = psql.output().unwrap();
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Stops it, in order: whoever is connected is cut off.
    pub fn stop(&self) {
        self.tell("stop");
    }

    /// Stops it as a crash would.
    pub fn kill(&self) {
        self.tell("kill");
    }

    /// Starts it again after it was stopped.
    pub fn again(&self) {
        self.tell(&format!("start {}", self.options));
    }

    /// Lets none of its processes go on. They keep their connections.
    pub fn pause(&self) {
        self.tell("pause");
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.tell("resume");
    }

    fn tell(&self, word: &str) {
        let mut shell = self.shell.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(shell.input, "{word}").unwrap();
        let mut said = String::new();
        shell.output.read_line(&mut said).unwrap();
        let log = || ["said", "log"].map(|name| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default());
        assert!(said.trim() == "done", "{word}: {}", log().concat());
    }
}

impl Shell {
    /// Runs as the user `postgres` where this process is root, as whom the server refuses to run.
    fn start(bin: &Path, folder: &Path) -> Self {
        let mut command = if machine::is_root() {
            let mut chown = Command::new("chown");
            assert!(chown.args(["-R", "postgres:postgres"]).arg(folder).status().unwrap().success());
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", SHELL, "sh"]).arg(bin).arg(folder).current_dir("/");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { _child: child, input, output: BufReader::new(output) }
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap_or(text)
}
