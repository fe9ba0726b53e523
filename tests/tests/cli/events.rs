//! `events`: what happened to a job, and what happens to it.

use super::*;

#[test]
fn events_are_the_log_the_progress_and_the_state_a_line_each() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "log", "-i", &folder.number(2)]).succeeded();
    let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
    for words in [&["events", &id][..], &["events", "-f", &id]] {
        let ran = folder.run(words.iter().copied()).succeeded();
        assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
        has(ran.out.lines().last().unwrap(), "completed (attempt 1 of 3)");
        let facts = folder.run(words.iter().copied().chain(["--json"])).succeeded().out;
        let kinds: Vec<_> =
            facts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone()).collect();
        assert_eq!(kinds, ["log", "log", "status"]);
    }
}

#[test]
fn events_are_followed_to_the_end_of_the_job() {
    let folder = Folder::filled();
    let id =
        folder.run(["submit", "guest", "progress", "-i", &folder.number(0), "--delay", "300ms"]).succeeded().line();
    let ran = folder.run(["events", "--follow", &id]).succeeded();
    has(&ran.out, "pending (attempt 0 of 3)");
    has(&ran.out, "progress 50% half of it");
    has(ran.out.lines().last().unwrap(), "completed");
}
