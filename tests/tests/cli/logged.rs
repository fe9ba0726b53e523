//! How the log is set: by options, the environment and `au-host.toml`, in this order.

use super::*;

/// An id that nothing has.
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// A command that fails, and what it says on stderr.
fn failing(folder: &Folder, words: &[&str], set: &[(&str, &str)]) -> String {
    let mut command = folder.command(["status", NOBODY]);
    command.args(words).envs(set.iter().copied());
    Ran::of(&mut command).ended(3).err
}

fn is_event(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|event| event["level"] == "ERROR" && event["timestamp"].is_string())
}

#[test]
fn options_win_over_the_environment_and_that_over_the_file() {
    let folder = Folder::filled();
    assert!(failing(&folder, &[], &[]).starts_with("error: "));
    fs::write(folder.data().join("au-host.toml"), "log_format = \"json\"\n").unwrap();
    let told = failing(&folder, &[], &[]);
    assert!(is_event(&told), "{told}");
    let event: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&event["code"], &event["exit"]), (&"not_found".into(), &3.into()));
    has(event["message"].as_str().unwrap(), NOBODY);
    assert!(failing(&folder, &[], &[("AU_LOG_FORMAT", "text")]).starts_with("error: "));
    assert!(is_event(&failing(&folder, &["--log-format", "json"], &[("AU_LOG_FORMAT", "text")])));
    // `--json` says the same as ever, and is a line of JSON, too.
    let facts: Value = serde_json::from_str(&failing(&folder, &["--json"], &[])).unwrap();
    assert_eq!(facts["error"]["code"], "not_found");
}

#[test]
fn how_much_is_logged_is_set_in_the_same_three_ways() {
    let folder = Folder::filled();
    let notes = |words: &[&str], set: &[(&str, &str)]| {
        let mut command = folder.command(["list", "--log-format", "json"]);
        command.args(words).envs(set.iter().copied());
        Ran::of(&mut command).succeeded().err.contains("no jobs")
    };
    assert!(notes(&[], &[]), "info is what JSON has that was not told otherwise");
    fs::write(folder.data().join("au-host.toml"), "log = \"error\"\n").unwrap();
    assert!(!notes(&[], &[]));
    assert!(notes(&[], &[("AU_LOG", "info")]));
    assert!(!notes(&["--log", "warn"], &[("AU_LOG", "info")]));
    // Whatever is logged: why a command failed is said.
    let told = failing(&folder, &["--log-format", "json", "--log", "off"], &[]);
    has(&serde_json::from_str::<Value>(&told).unwrap()["error"]["what"].to_string(), NOBODY);
}

#[test]
fn a_filter_or_a_format_that_is_none_is_refused() {
    let folder = Folder::filled();
    has(&folder.run(["list", "--log", "au_host=loud"]).failed(2), "log filter");
    has(&folder.run(["list", "--log-format", "xml"]).failed(2), "xml");
    assert_eq!(
        Ran::of(folder.command(["list"]).env("AU_LOG", "")).succeeded().err,
        "no jobs\n",
        "as if it were not set"
    );
}
