//! `au-host serve`, as a user has it.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use au_tests::guest;
use futures::future::join_all;
use reqwest::{Client, Method};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::served::self_signed;
use super::*;

/// A data folder with the guest in it.
pub(crate) struct Folder(TempDir);

/// A server on it.
pub(crate) struct Program {
    child: Child,
    pub(crate) url: String,
    pub(crate) client: Client,
    stderr: BufReader<ChildStderr>,
}

pub(crate) fn program() -> PathBuf {
    guest::compiler().program().expect("a child compiles").to_owned()
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("guest.wasm"), guest::guest()).unwrap();
        assert!(folder.run(&["module", "add", "guest.wasm"]).status.success());
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn bare(&self, mut command: Command) -> Command {
        let path = std::env::var_os("PATH").unwrap();
        command.current_dir(self.path()).env_clear().env("HOME", self.path()).env("PATH", path);
        command.env("AU_DATA", self.path().join("data")).stdin(Stdio::null());
        command
    }

    /// What a command of the same program does, in the same folder.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        self.bare(Command::new(program())).args(words).output().unwrap()
    }

    pub(crate) fn out(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn serve(&self, words: &[&str]) -> Program {
        self.start(Command::new(program()), words)
    }

    /// The same, by a command that starts the program.
    pub(crate) fn start(&self, command: Command, words: &[&str]) -> Program {
        let mut command = self.bare(command);
        command.arg("serve").args(words);
        if !words.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        Program::started(&mut command)
    }
}

impl Program {
    /// Once it says where it listens.
    pub(crate) fn started(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let url = line.split(" at ").nth(1).and_then(|rest| rest.split(';').next());
        let url = url.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, url, client: client(), stderr }
    }

    /// From now on all requests carry this token.
    pub(crate) fn authorize(&mut self, token: &str) {
        let carried = [(reqwest::header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())];
        let builder = Client::builder().no_proxy().tls_certs_only([]).timeout(LONG);
        self.client = builder.default_headers(carried.into_iter().collect()).build().unwrap();
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.ask(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn submit(&self, function: &str, body: &'static str) -> reqwest::Result<String> {
        let response = self.ask(Method::POST, &format!("/v1/submit/guest/{function}")).body(body).send().await?;
        let job: Value = response.error_for_status()?.json().await?;
        Ok(job["id"].as_str().unwrap().to_owned())
    }

    /// How many files it has open.
    pub(crate) fn files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// What it said from now on, and how it ended.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, mostly.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Submits until the server is gone; gives the ids that were acknowledged.
async fn load(program: &Program, enough: impl Fn(usize) -> bool) -> Vec<String> {
    let acknowledged = std::sync::Mutex::new(Vec::new());
    let submitting = async || {
        while let Ok(id) = program.submit("echo", "[1]").await {
            let count = {
                let mut ids = acknowledged.lock().unwrap();
                ids.push(id);
                ids.len()
            };
            if enough(count) {
                return;
            }
        }
    };
    join_all((0..8).map(|_| submitting())).await;
    acknowledged.into_inner().unwrap()
}

/// All of these jobs, on another server, completed.
async fn all_completed(folder: &Folder, ids: &[String]) {
    let program = folder.serve(&[]);
    for id in ids {
        let job = json(program.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200);
        assert_eq!(job["status"], "completed", "{job}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sigterm_under_load_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let program = folder.serve(&[]);
    let pid = Pid::from_child(&program.child);
    let ids = load(&program, |count| {
        if count == 200 {
            kill_process(pid, Signal::TERM).unwrap();
        }
        false
    })
    .await;
    let (code, said) = program.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(ids.len() >= 200);
    all_completed(&folder, &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sigkill_under_load_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let program = folder.serve(&[]);
    let pid = Pid::from_child(&program.child);
    let ids = load(&program, |count| {
        if count == 200 {
            kill_process(pid, Signal::KILL).unwrap();
        }
        false
    })
    .await;
    drop(program);
    assert!(ids.len() >= 200);
    all_completed(&folder, &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_and_gives_back_what_runs() {
    let folder = Folder::new();
    let mut program = folder.serve(&[]);
    let id = program.submit("spin", "[]").await.unwrap();
    until("its start", async || {
        (json(program.get(&format!("/v1/jobs/{id}")).await, 200)["status"] == "running").then_some(())
    })
    .await;
    let began = Instant::now();
    program.signal(Signal::TERM);
    let mut line = String::new();
    program.stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("stopping"), "{line}");
    // One that comes at once would be taken for the first.
    tokio::time::sleep(Duration::from_millis(250)).await;
    program.signal(Signal::TERM);
    assert_eq!(program.ended().0, Some(0));
    assert!(began.elapsed() < Duration::from_secs(9), "it waited for the job");
    let job: Value = serde_json::from_str(&folder.out(&["status", &id, "--json"])).unwrap();
    assert_eq!((&job["status"], &job["attempt"]), (&"pending".into(), &0.into()), "given back");
    folder.out(&["cancel", &id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_and_a_server_work_in_one_folder_at_once() {
    let folder = Folder::new();
    let program = folder.serve(&[]);
    // A job of the command line is run by the server, and seen there.
    let id = folder.out(&["submit", "guest", "echo", "7", "--no-worker"]).trim().to_owned();
    let job = json(program.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200);
    assert_eq!(job["status"], "completed");
    assert_eq!(program.get(&format!("/v1/jobs/{id}/output")).await.text(), "[7]");
    // A job of the server is seen by the command line, and cancelled there.
    let id = program.submit("spin", "[]").await.unwrap();
    folder.out(&["cancel", &id]);
    assert_eq!(json(program.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200)["status"], "cancelled");
    let id = program.submit("echo", "[8]").await.unwrap();
    assert_eq!(folder.out(&["result", &id]).trim(), "[8]");
    // A module, too.
    let other = guest::with_fields("(global $other i32 (i32.const 7))");
    let put = program.ask(Method::PUT, "/v1/modules/other").body(other).send().await.unwrap();
    assert_eq!(put.status(), 201);
    assert_eq!(folder.out(&["run", "other", "echo", "9"]).trim(), "[9]");
}

#[tokio::test]
async fn two_servers_in_one_folder_share_its_jobs() {
    let folder = Folder::new();
    let (one, two) = (folder.serve(&[]), folder.serve(&[]));
    let id = one.submit("spin", "[]").await.unwrap();
    let cancelled = two.ask(Method::POST, &format!("/v1/jobs/{id}/cancel")).send().await.unwrap();
    assert_eq!(cancelled.status(), 202);
    for server in [&one, &two] {
        assert_eq!(json(server.get(&format!("/v1/jobs/{id}?wait=1m")).await, 200)["status"], "cancelled");
    }
}

/// The value of a gauge.
async fn gauge(server: &Program, name: &str) -> f64 {
    let text = server.get("/metrics").await.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name}: {text}"))
}

#[tokio::test]
async fn figures_of_what_waits_and_runs_are_of_the_folder_and_the_same_at_each_server() {
    let folder = Folder::new();
    let servers = [folder.serve(&["--slots", "1"]), folder.serve(&["--slots", "1"])];
    assert_eq!(gauge(&servers[0], "au_queue_age_seconds").await, 0.0, "nothing waits");
    for _ in 0..4 {
        servers[0].submit("spin", "[]").await.unwrap();
    }
    servers[1].submit("echo?delay=1h", "[]").await.unwrap();
    for server in &servers {
        for (name, count) in [("au_jobs_running", 2.0), ("au_jobs_due", 2.0), ("au_jobs_pending", 3.0)] {
            until(name, async || (gauge(server, name).await == count).then_some(())).await;
        }
    }
    // It is that of the one that waits, as old as it may be, and not of one that runs or has its time to come.
    let ages = [&servers[0], &servers[1], &servers[0]];
    let ages = futures::future::join_all(ages.map(|server| gauge(server, "au_queue_age_seconds"))).await;
    assert!(ages.iter().all(|age| *age > 0.0 && *age < 3600.0), "{ages:?}");
    let before = gauge(&servers[0], "au_queue_age_seconds").await;
    let after = gauge(&servers[1], "au_queue_age_seconds").await;
    assert!(before < after && after < before + 60.0, "{before} at one and then {after} at the other");
}

#[tokio::test]
async fn what_is_wrong_with_the_address_is_said_and_what_to_do() {
    let folder = Folder::new();
    let program = folder.serve(&[]);
    let taken = program.url.strip_prefix("http://").unwrap();
    for (words, code, what) in [
        (&["serve", "--listen", taken][..], 2, "in use"),
        (&["serve", "--listen", "0.0.0.0:0"], 4, "--insecure"),
        (&["serve", "--listen", "example.org"], 2, "unix:PATH"),
        (&["serve", "--listen", "192.0.2.1:80", "--insecure"], 2, "no address of this machine"),
        (&["serve", "--tls-cert", "x"], 2, "--tls-key"),
        (&["serve", "--tls-cert", "x", "--tls-key", "x"], 2, "--tls-cert"),
    ] {
        let output = folder.run(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(what) && said.contains("  try: "), "{words:?}: {said}");
    }
}

#[tokio::test]
async fn settings_of_the_folder_hold_and_options_win() {
    let folder = Folder::new();
    let file = folder.path().join("data/au-host.toml");
    std::fs::write(&file, "[http]\nlisten = 'nonsense'\nmax_body = '10'\nhosts = ['au.example']\ngrants = 'nothing'\n")
        .unwrap();
    let program = folder.serve(&[]);
    let long = program.ask(Method::POST, "/v1/call/guest/echo").body("[1,2,3,4,5,6]").send().await.unwrap();
    problem(Answer::of(long).await, 413, "too_large");
    let named = program.ask(Method::GET, "/healthz").header("host", "au.example").send().await.unwrap();
    assert_eq!(named.status(), 200);
    let granted = program.ask(Method::POST, "/v1/call/guest/echo?clock").send().await.unwrap();
    problem(Answer::of(granted).await, 403, "refused");
    std::fs::write(&file, "[http]\nmax_bdoy = '10'\n").unwrap();
    let said = String::from_utf8(folder.run(&["serve"]).stderr).unwrap();
    assert!(said.contains("max_bdoy"), "{said}");
}

#[tokio::test]
async fn a_socket_is_its_owners_alone_and_goes_with_its_server() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.path().join("au.sock");
    let listen = format!("unix:{}", path.display());
    // What a server that was killed left behind is no obstacle.
    let killed = folder.serve(&["--listen", &listen]);
    assert_eq!(killed.url, listen);
    drop(killed);
    assert!(path.exists());
    let program = folder.serve(&["--listen", &listen]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let client = Client::builder().unix_socket(path.as_path()).build();
    drop(client);
    let mut stream = UnixStream::connect(&path).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /readyz HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(folder.run(&["serve", "--listen", &listen]).status.code(), Some(2), "in use");
    program.signal(Signal::TERM);
    assert_eq!(program.ended().0, Some(0));
    assert!(!path.exists());
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls() {
    let folder = Folder::new();
    let files = self_signed(folder.path(), "localhost");
    let mut program = folder.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let port = program.url.strip_prefix("https://127.0.0.1:").unwrap().to_owned();
    let trusted = reqwest::Certificate::from_pem(&std::fs::read(&files.certificate).unwrap()).unwrap();
    program.client = Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
    program.url = format!("https://localhost:{port}");
    let answer = program.ask(Method::POST, "/v1/call/guest/echo").body("[1]").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "[1]");
    // Who speaks plainly is not answered, and holds nobody up.
    let mut plain = std::net::TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap();
    std::io::Write::write_all(&mut plain, b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"));
    assert_eq!(program.get("/healthz").await.status, 200);
}
