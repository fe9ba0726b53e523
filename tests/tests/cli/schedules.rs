//! `schedule`: calls that are submitted again and again.

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
