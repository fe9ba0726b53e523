//! `list`: filters, pages and columns.

use super::*;

fn ids(jobs: &Value) -> Vec<String> {
    jobs["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_empty_list_is_told_on_stderr() {
    let folder = Folder::new();
    let ran = folder.run(["list"]).succeeded();
    assert_eq!((&*ran.out, &*ran.err), ("", "no jobs\n"));
    assert_eq!(folder.run(["list", "-q"]).succeeded().err, "");
}

#[test]
fn a_row_has_id_status_function_and_detail() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "echo", "7"]);
    folder.run(["run", "guest", "fail"]);
    let ran = folder.run(["list"]).succeeded();
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!((lines.len(), &*ran.err), (3, ""));
    for column in ["ID", "STATUS", "FUNCTION", "AGE", "TOOK", "DETAIL"] {
        has(lines[0], column);
    }
    let jobs = folder.list();
    for (line, job) in lines[1..].iter().zip(&jobs) {
        has(line, job["id"].as_str().unwrap());
        has(line, job["status"].as_str().unwrap());
        has(line, job["function"].as_str().unwrap());
    }
    has(lines[1], "failed: as it was told");
    has(lines[2], "3 B");
}

#[test]
fn each_filter_keeps_what_it_says() {
    let folder = Folder::filled();
    folder.run(["run", "guest", "echo", "--label", "a=1", "--label", "b=2"]);
    folder.run(["run", "guest", "fail", "--label", "a=1"]);
    folder.run(["run", "guest", "invalid"]);
    folder.run(["submit", "guest", "echo", "--delay", "1h", "--queue", "mail"]);
    let functions = |words: &[&str]| -> Vec<String> {
        let jobs = folder.json(["list"].into_iter().chain(words.iter().copied()))["jobs"].as_array().unwrap().clone();
        jobs.iter().map(|job| job["function"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(functions(&[]), ["echo", "invalid", "fail", "echo"]);
    assert_eq!(functions(&["--status", "failed"]), ["invalid", "fail"]);
    assert_eq!(functions(&["--status", "pending,completed"]), ["echo", "echo"]);
    assert_eq!(functions(&["--status", "pending", "--status", "failed"]), ["echo", "invalid", "fail"]);
    assert_eq!(functions(&["--function", "fail"]), ["fail"]);
    assert_eq!(functions(&["--label", "a=1"]), ["fail", "echo"]);
    assert_eq!(functions(&["--label", "a=1", "--label", "b=2"]), ["echo"]);
    assert!(functions(&["--label", "a=2"]).is_empty());
    assert_eq!(functions(&["--queue", "mail"]), ["echo"]);
    assert_eq!(functions(&["--queue", "default"]), ["invalid", "fail", "echo"]);
    assert!(functions(&["--status", "running"]).is_empty());
}

#[test]
fn pages_follow_each_other_and_lose_nothing() {
    let folder = Folder::filled();
    for _ in 0..7 {
        folder.run(["submit", "guest", "echo", "--no-worker"]).succeeded();
    }
    let all = ids(&folder.json(["list"]));
    let mut paged = Vec::new();
    let mut page = folder.json(["list", "--limit", "3"]);
    loop {
        paged.extend(ids(&page));
        let Some(next) = page["next"].as_str().map(str::to_owned) else { break };
        page = folder.json(["list", "--limit", "3", "--before", &next]);
    }
    assert_eq!((paged.len(), paged), (7, all));
}

#[test]
fn a_page_that_is_not_the_last_says_how_to_go_on() {
    let folder = Folder::filled();
    let ids = [(); 2].map(|()| folder.run(["submit", "guest", "echo", "--no-worker"]).line());
    let ran = folder.run(["list", "--limit", "1"]).succeeded();
    has(&ran.out, &ids[1]);
    assert_eq!(ran.err, format!("more: au-host list --before {}\n", ids[1]));
}

#[test]
fn values_that_no_filter_takes_are_refused() {
    let folder = Folder::new();
    has(&folder.run(["list", "--status", "runing"]).failed(2), "a similar value exists: 'running'");
    has(&folder.run(["list", "--limit", "0"]).failed(2), "1..=10000");
    has(&folder.run(["list", "--before", "yesterday"]).failed(2), "is not a UUID");
    has(&folder.run(["list", "--label", "novalue"]).failed(2), "is not NAME=VALUE");
}
