//! A thousand who follow one job over HTTP and take nothing of what they are sent: the memory that costs `au-host serve`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use au_tests::guest;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Runtime;

use crate::idle;
use crate::table::{Found, Limit, Row, Table};

const FOLLOWERS: usize = 1000;
/// Lines that the job writes, some hundred bytes an event.
const LINES: u32 = 5000;
/// MiB that may be added: the stacks and buffers of the connections, and nothing of what is not taken.
const MOST: f64 = 128.0;
/// Before the job starts, so that all follow it by then.
const DELAY: &str = "5s";

pub(crate) fn measure(table: &mut Table) {
    // A file for each follower, here and there.
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).expect("up to the maximum");
    let folder = tempfile::tempdir().expect("a folder");
    drop(Runtime::new().expect("a runtime").block_on(guest::local_at(folder.path(), guest::config())));
    let server = Server::start(folder.path());
    let path = format!("/v1/submit/guest/log?delay={DELAY}&max-log=64MiB&max-log-lines=100000");
    let job = server.ask("POST", &path, &LINES.to_le_bytes());
    let id = field(&job, "id");
    let before = idle::resident(server.child.id(), "VmRSS:");
    let followers: Vec<_> = (0..FOLLOWERS).map(|_| server.follow(&id)).collect();
    let status = || field(&server.ask("GET", &format!("/v1/jobs/{id}?wait=30s"), &[]), "status");
    let ended = std::iter::repeat_with(status).take(10).find(|status| status != "pending" && status != "running");
    assert_eq!(ended.as_deref(), Some("completed"), "they hold it back");
    let most = idle::resident(server.child.id(), "VmHWM:");
    drop(followers);
    let beside = format!("{most:.0} MiB at most beside {before:.0} MiB before; {LINES} lines for each");
    let figure = "1,000 followers of a job who read nothing";
    let found = Found::Value(most - before);
    table.add(Row { figure, found, unit: "MiB", limit: Limit::AtMost(MOST), beside });
}

struct Server {
    child: Child,
    address: String,
    // Held open, or what it says later would end it.
    _stderr: BufReader<ChildStderr>,
}

impl Server {
    fn start(folder: &std::path::Path) -> Self {
        let mut command = Command::new(idle::compiler_path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("it says where it is");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(';').next()).expect("a URL").to_owned();
        Self { child, address, _stderr: stderr }
    }

    fn connect(&self, head: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let kind = "content-type: application/octet-stream";
        let head = format!("{head} HTTP/1.1\r\nhost: localhost\r\n{kind}\r\ncontent-length: {}\r\n", body.len());
        stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).expect("it reads");
        stream.write_all(body).expect("it reads");
        stream
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> String {
        let mut answer = String::new();
        self.connect(&format!("{method} {path}"), body).read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// A connection that is followed on, and read no further than to its first bytes.
    fn follow(&self, id: &str) -> TcpStream {
        let mut stream = self.connect(&format!("GET /v1/jobs/{id}/events"), &[]);
        let mut start = [0; 12];
        stream.read_exact(&mut start).expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 200");
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it ends");
    }
}

/// A text of the JSON that an answer has.
fn field(answer: &str, name: &str) -> String {
    let body = answer.split("\r\n\r\n").nth(1).expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    body[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}")).to_owned()
}
