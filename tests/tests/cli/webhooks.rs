//! `--webhook` and `webhook secret`.

use au_tests::receiver::{Heard, Receiver, Reply};

use super::*;

const ALLOW: &str = "[webhook]\nallow = [\"127.0.0.1\"]\n";

fn allowing() -> Folder {
    let folder = Folder::filled();
    fs::write(folder.data().join("au-host.toml"), ALLOW).unwrap();
    folder
}

fn takes_it() -> Receiver {
    Receiver::new(|_| Reply::Status(200))
}

fn told(receiver: &Receiver) -> Heard {
    until("what was sent", || {
        std::thread::sleep(Duration::from_millis(5));
        receiver.once(1)
    })
    .remove(0)
}

#[test]
fn who_runs_a_job_is_followed_by_one_who_tells_of_it() {
    for verb in [&["run"][..], &["submit"], &["run", "--detach"]] {
        let (folder, receiver) = (allowing(), takes_it());
        let url = receiver.url("/x");
        let words = verb.iter().copied().chain(["guest", "echo", "7", "--label", "a=b", "--webhook", &url]);
        folder.run(words).succeeded();
        let told = told(&receiver);
        let job = &folder.list()[0];
        assert_eq!(job["id"], told.header("webhook-id"), "{verb:?}");
        assert_eq!((&job["options"]["webhook"], &told.json()["data"]["labels"]["a"]), (&url.into(), &"b".into()));
        let secret = folder.run(["webhook", "secret"]).succeeded().line();
        assert!(told.is_signed_with(&secret), "{verb:?}");
        let shown = until("the end", || {
            let shown = folder.run(["status", told.header("webhook-id")]).succeeded().out;
            shown.contains("/x told 20").then_some(shown)
        });
        has(&shown, &receiver.url("/x"));
        assert_eq!(folder.status(told.header("webhook-id"))["webhook"]["state"], "delivered");
    }
}

#[test]
fn a_host_elsewhere_is_asked_for_the_same() {
    let (folder, receiver) = (allowing(), takes_it());
    let listen = format!("unix:{}", folder.path("socket").display());
    let mut serve = folder.command(["serve", "--json", "--listen", &listen]);
    let mut server = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    folder.run(["--host", &listen, "run", "guest", "echo", "7", "--webhook", &receiver.url("/")]).succeeded();
    let told = told(&receiver);
    let id = told.header("webhook-id");
    until("its end", || {
        let shown = folder.run(["--host", &listen, "status", id]).succeeded().out;
        shown.contains("told 20").then_some(())
    });
    has(&folder.run(["--host", &listen, "webhook", "secret"]).failed(4), "told only where it runs");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_secret_is_its_tenants_own_and_stays_until_it_is_changed() {
    let folder = Folder::new();
    let secret =
        |words: &[&str]| folder.run(["webhook", "secret"].into_iter().chain(words.iter().copied())).succeeded().line();
    let first = secret(&[]);
    assert!(first.starts_with("whsec_") && first.len() == 50, "{first}");
    assert_eq!(secret(&[]), first);
    let other = secret(&["--tenant", "a"]);
    assert_ne!(other, first);
    let changed = secret(&["--rotate"]);
    assert!(changed != first && secret(&[]) == changed && secret(&["--tenant", "a"]) == other);
    assert_eq!(folder.json(["webhook", "secret"]), serde_json::json!({ "tenant": null, "secret": changed }));
}

#[test]
fn where_nothing_is_sent_is_said_before_anything_runs() {
    let folder = Folder::filled();
    let run = |url: &str| folder.run(["run", "guest", "echo", "--webhook", url]);
    has(&run("http://127.0.0.1/").failed(4), "not a public address");
    has(&run("ftp://a.example").failed(2), "http://");
    has(&folder.run(["run", "guest", "echo", "--ephemeral", "--webhook", "http://a.example"]).failed(2), "--webhook");
    assert!(folder.list().is_empty());
    fs::write(folder.data().join("au-host.toml"), "[webhook]\nallow = [\"nonsense\"]\n").unwrap();
    has(&folder.run(["list"]).failed(2), "nonsense");
    fs::write(folder.data().join("au-host.toml"), "[webhook]\nalow = []\n").unwrap();
    has(&folder.run(["list"]).failed(2), "alow");
}
