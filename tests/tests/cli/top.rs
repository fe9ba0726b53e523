//! `top`, where stdout is no terminal: once.

use super::*;

#[test]
fn top_shows_the_counts_and_what_runs() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "fail"]).failed(1);
    let id = folder.detached(["guest", "spin"]);
    folder.once("running");
    let ran = folder.run(["top"]).succeeded();
    has(&ran.out, "1 running");
    has(&ran.out, "1 failed");
    has(ran.out.lines().nth(2).unwrap(), &id);
    assert_eq!(folder.run(["top", "--once"]).succeeded().out.lines().count(), 3);
    let facts = folder.json(["top"]);
    assert_eq!((&facts["counts"]["running"], &facts["running"][0]["id"]), (&1.into(), &id.clone().into()));
    folder.run(["cancel", &id]).succeeded();
}
