//! `schedule`: calls that are submitted again and again.

use au_host::{Local, LocalConfig};

use super::*;

#[test]
fn a_schedule_is_kept_shown_paused_resumed_and_removed() {
    let folder = Folder::filled();
    let number = folder.number(9);
    let words = ["schedule", "set", "nightly", "0 3 * * MON-FRI", "guest", "echo", "--zone", "Europe/Berlin", "-i"];
    let kept = folder.json(words.into_iter().chain([&*number, "--label", "team=a", "--missed", "skip"]));
    assert_eq!((&kept["cron"], &kept["zone"]), (&"0 3 * * MON-FRI".into(), &"Europe/Berlin".into()), "{kept}");
    assert_eq!((&kept["request"]["module"], &kept["missed"]), (&"guest".into(), &"skip".into()), "{kept}");
    assert!(kept["next"].is_string() && kept["last"].is_null(), "{kept}");
    let listed = folder.run(["schedule", "list"]).succeeded();
    has(&listed.out, "nightly");
    has(&listed.out, "guest echo");
    folder.run(["schedule", "pause", "nightly"]).succeeded();
    let shown = folder.run(["schedule", "show", "nightly"]).succeeded();
    has(&shown.out, "paused    yes");
    has(&shown.out, "application/octet-stream, 4 bytes");
    folder.run(["schedule", "resume", "nightly"]).succeeded();
    assert_eq!(folder.json(["schedule", "show", "nightly"])["paused"], false);
    let id = folder.run(["schedule", "run", "nightly"]).succeeded().line();
    folder.run(["wait", &id]).succeeded();
    let job = folder.status(&id);
    assert_eq!(job["options"]["labels"], serde_json::json!({ "schedule": "nightly", "team": "a" }), "{job}");
    folder.run(["schedule", "rm", "nightly"]).succeeded();
    has(&folder.run(["schedule", "show", "nightly"]).failed(3), "no schedule nightly");
    has(&folder.run(["schedule", "list"]).succeeded().err, "no schedules");
    folder.run(["status", &id]).succeeded();
}

#[test]
fn what_a_schedule_asks_for_its_jobs_is_shown_as_far_as_it_was_said() {
    let folder = Folder::filled();
    folder.run(["schedule", "set", "plain", "@daily", "guest", "echo", "7"]).succeeded();
    let plain = folder.run(["schedule", "show", "plain"]).succeeded().out;
    for absent in ["priority", "ttl", "queue", "webhook", "retry", "limits", "grants"] {
        assert!(!plain.contains(absent), "{plain}");
    }
    let more = "--priority 7 --ttl 2h --queue mail --concurrency-key acme --label team=a --attempts 5 --retry-delay 3s \
        --timeout 9s --memory 32MiB --webhook https://example.com/told --random";
    let words = ["schedule", "set", "nightly", "@daily", "guest", "echo", "7"];
    let shown = folder.run(words.into_iter().chain(more.split_whitespace())).succeeded().out;
    assert_eq!(folder.run(["schedule", "show", "nightly"]).succeeded().out, shown);
    for line in [
        "priority  7\n",
        "ttl       2h\n",
        "queue     mail\n",
        "key       acme\n",
        "label     team=a\n",
        "retry     5 attempts, exponential rests from 3s to ",
        "limits    timeout 9s, memory 32",
        "webhook   https://example.com/told\n",
        "grants    random\n",
    ] {
        has(&shown, line);
    }
}

#[test]
fn a_schedule_of_a_tenant_is_listed_with_its_tenant_and_reached_by_that() {
    let folder = Folder::filled();
    folder.run(["schedule", "set", "nightly", "@daily", "guest", "echo", "7"]).succeeded();
    assert!(!folder.run(["schedule", "list"]).succeeded().out.contains("TENANT"), "there are none");
    let of_a_tenant = async {
        let config = LocalConfig { takes: au_host::Takes::Nothing, ..guest::config() };
        let local = Local::open(&folder.data(), config).await.unwrap();
        let name = "nightly".parse().unwrap();
        let schedule = local.host().schedules(None).get(&name).await.unwrap().schedule;
        local.host().schedules(Some("acme")).put(&name, schedule).await.unwrap();
        local.leave(LONG).await.unwrap();
    };
    tokio::runtime::Runtime::new().unwrap().block_on(of_a_tenant);
    let listed = folder.run(["schedule", "list"]).succeeded().out;
    has(&listed, "TENANT");
    has(&listed, "acme          nightly");
    assert_eq!(folder.json(["schedule", "list", "--tenant", "acme"]).as_array().unwrap().len(), 1);
    let paused = |words: &[&str]| {
        let words = ["schedule", "show", "nightly"].into_iter().chain(words.iter().copied());
        folder.json(words)["paused"].as_bool().unwrap()
    };
    folder.run(["schedule", "pause", "nightly", "--tenant", "acme"]).succeeded();
    assert_eq!((paused(&[]), paused(&["--tenant", "acme"])), (false, true));
    has(&folder.run(["schedule", "show", "nightly", "--tenant", "acme"]).succeeded().out, "tenant    acme");
    folder.run(["schedule", "resume", "nightly", "--tenant", "acme"]).succeeded();
    assert!(!paused(&["--tenant", "acme"]));
    let id = folder.run(["schedule", "run", "nightly", "--tenant", "acme"]).succeeded().line();
    assert_eq!(folder.status(&id)["options"]["principal"], "acme");
    folder.run(["schedule", "rm", "nightly", "--tenant", "acme"]).succeeded();
    folder.run(["schedule", "show", "nightly", "--tenant", "acme"]).failed(3);
    folder.run(["schedule", "show", "nightly"]).succeeded();
}

#[test]
fn what_is_no_schedule_is_refused_with_what_is_wrong() {
    let folder = Folder::filled();
    let set = |cron: &str, more: &[&str]| {
        let words = ["schedule", "set", "often", cron, "guest"];
        folder.run(words.into_iter().chain(more.iter().copied())).failed(2)
    };
    has(&set("every day", &["echo"]), "schedule is not valid");
    has(&set("0 0 30 2 *", &["echo"]), "never comes");
    has(&set("@daily", &["echo", "--zone", "Berlin"]), "no time zone");
    has(&set("@daily", &["echo", "--overlap", "maybe"]), "allow");
    has(&folder.run(["schedule", "set", "Not/A/Name", "@daily", "guest", "echo"]).failed(2), "a-z 0-9");
    has(&folder.run(["schedule", "set", "often", "@daily", "guest", "ecko"]).failed(3), "did you mean echo?");
    assert_eq!(folder.json(["schedule", "list"]), serde_json::json!([]));
}

#[test]
fn who_works_submits_what_is_scheduled() {
    let folder = Folder::filled();
    let number = folder.number(5);
    let set = folder.run(["schedule", "set", "often", "* * * * * *", "guest", "echo", "-i", &number]).succeeded();
    let mut worker = None;
    if !SERVED {
        has(&set.err, "nobody works here");
        let mut command = folder.command(["work"]);
        worker = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }
    let done = || {
        let jobs = folder.json(["list", "--label", "schedule=often", "--status", "completed"]);
        (jobs["jobs"].as_array().unwrap().len() >= 2).then_some(jobs)
    };
    let jobs = until("two jobs", done);
    let is_told = || folder.run(["schedule", "list"]).succeeded().out.contains(" completed\n").then_some(());
    until("what became of the last time", is_told);
    folder.run(["schedule", "rm", "often"]).succeeded();
    if let Some(mut worker) = worker {
        worker.kill().unwrap();
        worker.wait().unwrap();
    }
    let at = |n: usize| jobs["jobs"][n]["options"]["run_at"].as_str().unwrap().to_owned();
    assert!(at(0) > at(1) && at(0).ends_with(".000000Z"), "{jobs}");
}

/// A server takes what is due.
const SERVED: bool = super::OVER_HTTP;
