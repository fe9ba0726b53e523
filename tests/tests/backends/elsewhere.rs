//! `http:`: another host runs the attempt, and is killed, paused, full or not let in.

use super::*;

/// A host that asks for tokens, and one that lets its holder run attempts there.
fn guarded() -> (Serving, String) {
    let serving = Serving::start(&["--auth"]);
    let made = serving.on_its_folder().args(["token", "create", "test", "--scope", "work"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let token = String::from_utf8(made.stdout).unwrap();
    let token = token.split_whitespace().find(|word| word.starts_with("au_")).unwrap().to_owned();
    (serving, token)
}

fn modules_of(serving: &Serving) -> String {
    let listed = serving.on_its_folder().args(["module", "list"]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

#[test]
fn a_job_runs_on_another_host_which_is_sent_the_module_first() {
    let (folder, there) = (Folder::filled(), Serving::start(&[]));
    for _ in 0..2 {
        let ran = folder.run(["run", "guest", "echo", "5", "--backend", &there.url]);
        assert_eq!(ran.succeeded().out, "[5]\n");
    }
    assert_eq!(modules_of(&there).matches("sha256:").count(), 1);
    has(&folder.run(["run", "guest", "unreachable", "--backend", &there.url]).failed(1), "unreachable");
    has(&folder.run(["doctor", "--backend", &there.url]).succeeded().out, &format!("{} answers", there.url));
}

#[test]
fn a_token_that_the_other_host_does_not_know_is_an_error_that_says_so_and_the_right_one_opens() {
    let (folder, (there, token)) = (Folder::filled(), guarded());
    let run = |token: &str| {
        let mut command = folder.command(["run", "guest", "echo", "5", "--ephemeral", "--backend", &there.url]);
        Ran::of(command.env("AU_BACKEND_TOKEN", token))
    };
    has(&run("au_wrong").failed(1), "does not let this host in");
    has(&run("au_wrong").failed(1), "AU_BACKEND_TOKEN, or token in [backends.NAME]");
    assert_eq!(run(&token).succeeded().out, "[5]\n");
    let doctor = Ran::of(folder.command(["doctor", "--backend", &there.url]).env("AU_BACKEND_TOKEN", "au_wrong"));
    has(&doctor.ended(5).out, "BAD  backend");
}

#[test]
fn a_job_waits_for_a_host_that_does_not_let_its_own_in_and_loses_no_attempt() {
    let (there, token) = guarded();
    let folder = Folder::new();
    let worker = |token: &str| {
        let mut work = on_its_store(&folder, ["work", "--backend", &there.url]);
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.path("log")).unwrap();
        Killed(work.env("AU_BACKEND_TOKEN", token).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    };
    Ran::of(&mut on_its_store(&folder, ["module", "add", "guest.wasm"])).succeeded();
    let shut_out = worker("au_wrong");
    let submit = ["submit", "guest", "echo", "7", "--attempts", "2", "--retry-delay", "1ms"];
    let id = Ran::of(&mut on_its_store(&folder, submit)).succeeded().line();
    let status = || Ran::of(&mut on_its_store(&folder, ["status", &id, "--json"])).succeeded().json();
    // As often as it has attempts, and once more.
    let refusals = || fs::read_to_string(folder.path("log")).unwrap().matches("AU_BACKEND_TOKEN").count();
    until("three tries", || (refusals() >= 3).then_some(()));
    assert!(["pending", "running"].contains(&status()["status"].as_str().unwrap()), "{}", status());
    drop(shut_out);
    let _let_in = worker(&token);
    let job = until("its end", || Some(status()).filter(|job| job["status"] == "completed"));
    assert_eq!((&job["attempt"], &job["past"]), (&1.into(), &serde_json::json!([])), "{job}");
}

#[test]
fn a_host_that_takes_connections_and_says_nothing_is_given_up_after_its_silence() {
    let (folder, silent) = (Folder::filled(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let backend = format!("http://{}?silence=2s", silent.local_addr().unwrap());
    let ran = folder.run(["run", "guest", "echo", "5", "--ephemeral", "--attempts", "1", "--backend", &backend]);
    has(&ran.failed(1), "did not answer within 2s");
}

/// Ended with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be dead already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn an_attempt_that_four_hosts_have_handed_on_is_handed_on_no_further() {
    let folder = Folder::filled();
    let mut chain = vec![Serving::start(&[])];
    for _ in 0..4 {
        let next = Serving::start(&["--backend", &chain.last().unwrap().url]);
        chain.push(next);
    }
    let run = |last: usize| folder.run(["run", "guest", "echo", "5", "--backend", &chain[last].url]);
    assert_eq!(run(3).succeeded().out, "[5]\n");
    has(&run(4).failed(1), "backends do not lead in a circle");
}

#[test]
fn an_input_that_is_larger_than_the_other_host_takes_is_refused_with_the_setting_that_says_so() {
    let (folder, there) = (Folder::filled(), Serving::start(&[]));
    std::fs::write(folder.path("large"), vec![7; 17 << 20]).unwrap();
    let large = folder.path("large");
    let said = folder.run(["run", "guest", "echo", "-i", large.to_str().unwrap(), "--backend", &there.url]).failed(1);
    has(&said, "max_body in [http]");
    has(&said, "16777216 bytes");
}

#[test]
fn a_host_that_allows_less_refuses_what_is_over_that() {
    let (folder, there) = (Folder::filled(), Serving::start(&[]));
    let dir = folder.0.path().to_str().unwrap();
    let ran = folder.run(["run", "guest", "echo", "5", "--dir", dir, "--backend", &there.url]);
    has(&ran.failed(1), "grants no env and dirs");
}

#[test]
fn an_attempt_on_a_host_that_is_killed_is_lost_and_where_nobody_is_no_attempt_is() {
    let mut there = Serving::start(&[]);
    let worker = Worker::start(&there.url);
    let id = worker.submit(&["spin", "--attempts", "1"]);
    spins(&there);
    there.kill();
    let job = worker.ended(&id);
    assert_eq!((&job["failure"]["kind"], &job["attempt"]), (&"lost".into(), &1.into()), "{job}");
    has(job["failure"]["message"].as_str().unwrap(), "its worker was lost");
    let id = worker.submit(&["spin", "--attempts", "1"]);
    for _ in 0..2 {
        worker.running(&id, 1);
        until("it waits", || Some(worker.status(&id)).filter(|job| job["status"] == "pending"));
    }
    worker.cancel(&id);
    assert_eq!(worker.ended(&id)["status"], "cancelled");
}

#[test]
fn a_host_that_is_paused_loses_what_it_has_and_what_it_says_late_changes_nothing() {
    let there = Serving::start(&[]);
    let worker = Worker::start(&format!("{}?silence=2s", there.url));
    let id = worker.submit(&["spin", "--attempts", "1"]);
    spins(&there);
    signal(there.id(), "STOP");
    let job = worker.ended(&id);
    assert_eq!(job["failure"]["kind"], "lost", "{job}");
    has(job["failure"]["message"].as_str().unwrap(), "said nothing for 2s");
    signal(there.id(), "CONT");
    let next = worker.submit(&["echo", "7"]);
    assert_eq!(worker.ended(&next)["status"], "completed");
    assert_eq!(worker.status(&id), job, "one outcome");
}

#[test]
fn a_cancel_closes_the_request_and_stops_the_attempt_there() {
    let there = Serving::start(&[]);
    let worker = Worker::start(&there.url);
    let id = worker.submit(&["spin"]);
    spins(&there);
    worker.cancel(&id);
    assert_eq!(worker.ended(&id)["status"], "cancelled");
    until("it stops there", || Some(()).filter(|()| !uses_core(there.id())));
}

/// Waits until a guest spins on this host: before that it is sent there and compiled.
fn spins(there: &Serving) {
    until("it spins there", || Some(()).filter(|()| modules_of(there).contains("sha256:") && uses_core(there.id())));
}

/// Whether a process has much of a core for a moment.
fn uses_core(id: u32) -> bool {
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let words: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().map(str::to_owned).collect();
        words[11].parse::<u64>().unwrap() + words[12].parse::<u64>().unwrap()
    };
    let before = ticks();
    std::thread::sleep(Duration::from_millis(500));
    ticks() - before >= 5
}

/// What a host answers to a body that is sent as an attempt, of this content type.
fn posted(there: &Serving, kind: &str, body: &[u8]) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(there.url.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/attempts HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_is_no_attempt_is_refused_before_anything_runs() {
    let there = Serving::start(&[]);
    const FRAMES: &str = "application/vnd.au-host.frames";
    has(&posted(&there, "application/json", b"{}"), "HTTP/1.1 415");
    for body in [&b""[..], b"{}", b"\xff\xff\xff\xff", b"\0\0\0\x02\xc1\xc1", b"\0\0\0\x01\xc0", &[0; 4096]] {
        let answer = posted(&there, FRAMES, body);
        has(&answer, "HTTP/1.1 400");
        has(&answer, "\"invalid\"");
    }
}
