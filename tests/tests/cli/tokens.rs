//! `token`: made once, listed without its secret, removed.

use super::*;

#[test]
fn a_token_is_printed_once_and_its_text_is_kept_nowhere() {
    let folder = Folder::new();
    let made = folder.run(["token", "create", "laptop", "--tenant", "acme", "--expires", "30d"]).succeeded();
    let token = made.line();
    assert!(token.starts_with("au_") && token.len() == 84, "{token}");
    has(&made.err, "shown this once");
    let listed = folder.json(["token", "list"]);
    let known = &listed[0];
    assert_eq!((&known["name"], &known["tenant"]), (&"laptop".into(), &"acme".into()));
    assert_eq!(known["scopes"], serde_json::json!(["read", "submit"]));
    assert!(known["expires"].is_string());
    let shown = folder.run(["token", "list"]).succeeded().out;
    has(&shown, "read,submit");
    let secret = &token[20..];
    assert!(!listed.to_string().contains(secret) && !shown.contains(secret));
    for file in ["jobs.db", "jobs.db-wal"] {
        let bytes = fs::read(folder.data().join(file)).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{file} has it");
    }
}

#[test]
fn a_token_is_removed_by_its_id_or_by_a_name_that_only_it_has() {
    let folder = Folder::new();
    for name in ["one", "two", "two"] {
        folder.run(["token", "create", name]).succeeded();
    }
    has(&folder.run(["token", "rm", "two"]).failed(2), "several are called");
    has(&folder.run(["token", "rm", "three"]).failed(3), "token list");
    folder.run(["token", "rm", "one"]).succeeded();
    let left = folder.json(["token", "list"]);
    let id = left[0]["id"].as_str().unwrap();
    folder.run(["token", "rm", id]).succeeded();
    has(&folder.run(["token", "rm", id]).failed(3), id);
    assert_eq!(folder.json(["token", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_no_token_can_be_is_refused() {
    let folder = Folder::new();
    folder.run(["token", "create", "x", "--scope", "root"]).failed(2);
    has(&folder.run(["token", "create", "a b"]).failed(2), "A-Z a-z 0-9");
    has(&folder.run(["token", "create", "x", "--tenant", "../x"]).failed(2), "A-Z a-z 0-9");
    assert_eq!(folder.json(["token", "list"]), serde_json::json!([]));
    let admin = folder.json(["token", "create", "root", "--scope", "admin"]);
    assert_eq!(admin["made"]["tenant"], Value::Null, "who runs the host is no tenant");
    let work = folder.json(["token", "create", "gpu", "--scope", "work"]);
    assert_eq!((&work["made"]["tenant"], &work["made"]["scopes"][0]), (&Value::Null, &"work".into()));
    let both = folder.json(["token", "create", "both", "--scope", "work,read"]);
    assert_eq!(both["made"]["tenant"], "default", "who reads jobs reads those of a tenant");
}

#[test]
fn a_token_that_would_expire_at_once_is_not_made() {
    let folder = Folder::new();
    has(&folder.run(["token", "create", "one", "--expires", "0s"]).failed(2), "one that is good for no time");
    assert_eq!(folder.json(["token", "list"]), serde_json::json!([]));
}
