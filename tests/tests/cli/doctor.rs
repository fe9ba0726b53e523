//! `doctor`: looks at all a host stands on.

use super::*;

#[test]
fn all_is_well_on_a_fresh_folder() {
    let folder = Folder::filled();
    let ran = folder.run(["doctor"]).succeeded();
    for about in ["version", "data folder", "compiler", "store", "disk", "room", "modules      2", "background", "jobs"]
    {
        has(&ran.out, &format!("ok   {about}"));
    }
    let facts = folder.json(["doctor"]);
    assert_eq!(facts.as_array().unwrap().len(), ran.out.lines().count());
    assert!(facts.as_array().unwrap().iter().all(|finding| finding["well"] == true), "{facts}");
}

#[test]
fn a_damaged_store_is_found_and_ends_with_5() {
    let folder = Folder::filled();
    folder.damage();
    let ran = folder.run(["doctor"]).ended(5);
    has(&ran.out, "BAD  store");
    let facts = folder.run(["doctor", "--json"]).ended(5).json();
    assert!(facts.as_array().unwrap().iter().any(|finding| finding["about"] == "store" && finding["well"] == false));
}

#[test]
fn a_worker_in_the_background_is_seen() {
    let folder = Folder::filled();
    let id = folder.detached(["guest", "spin"]);
    folder.once("running");
    has(&folder.run(["doctor"]).succeeded().out, "ok   background   a worker runs");
    folder.run(["cancel", &id]).succeeded();
}

#[test]
fn a_server_that_works_on_the_folder_is_seen() {
    let folder = Folder::filled();
    let mut serve = folder.command(["serve", "--json", "--listen", "127.0.0.1:0"]);
    let mut server = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    until("a server at work", || folder.run(["doctor"]).succeeded().out.contains("others work").then_some(()));
    server.kill().unwrap();
    server.wait().unwrap();
}
