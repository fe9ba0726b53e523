//! Where the data folder is: as the option says, else as `AU_DATA` says, else where the platform keeps data.

use super::*;

/// Adds a module and says in which of these folders it is.
fn lands<'a>(folder: &Folder, command: &mut Command, places: [&'a str; 4]) -> Vec<&'a str> {
    Ran::of(command.args(["module", "add", "one.wasm"])).succeeded();
    places.into_iter().filter(|place| folder.path(place).join("jobs.db").exists()).collect()
}

#[test]
fn the_option_goes_before_the_variable_before_the_platform() {
    let folder = Folder::new();
    let places = ["option", "variable", "xdg/au-host", ".local/share/au-host"];
    let bare = || bare(folder.0.path());
    let home = lands(&folder, &mut bare(), places);
    assert_eq!(home, places[3..]);
    let xdg = lands(&folder, bare().env("XDG_DATA_HOME", folder.path("xdg")), places);
    assert_eq!(xdg, places[2..]);
    let variable = lands(&folder, bare().env("AU_DATA", "variable").env("XDG_DATA_HOME", folder.path("xdg2")), places);
    assert_eq!(variable, places[1..]);
    let option = lands(&folder, bare().env("AU_DATA", "variable2").args(["--data", "option"]), places);
    assert_eq!(option, places);
    assert!(!folder.path("variable2").exists() && !folder.path("xdg2").exists());
}

#[test]
fn a_relative_folder_is_the_same_for_the_process_in_the_background() {
    let folder = Folder::new();
    let words = ["--data", "here", "run", "guest.wasm", "echo", "7", "--detach"];
    let id = Ran::of(bare(folder.0.path()).args(words)).succeeded().line();
    let result = Ran::of(bare(folder.0.path()).args(["result", &id, "--data", "here"])).succeeded();
    assert_eq!(result.out, "[7]\n");
}

#[test]
fn a_relative_home_is_the_same_for_it_too() {
    let folder = Folder::new();
    let rel = |words: &[&str]| Ran::of(bare(folder.0.path()).env("HOME", "rel").args(words)).succeeded();
    let id = rel(&["run", "guest.wasm", "echo", "7", "--detach"]).line();
    assert_eq!(rel(&["result", &id]).out, "[7]\n");
    assert!(folder.path("rel/.local/share/au-host/jobs.db").exists());
}

#[test]
fn a_data_folder_that_is_a_file_or_cannot_be_made_is_told() {
    let folder = Folder::new();
    folder.write("file", "");
    has(&folder.run(["--data", "file", "list"]).failed(2), "is not a folder");
    folder.run(["--data", "/proc/nothing", "list"]).failed(5);
    has(&folder.run(["--data", "", "list"]).failed(2), "--data");
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::filled();
    std::fs::set_permissions(folder.data().join("modules"), std::fs::Permissions::from_mode(0o777)).unwrap();
    has(&folder.run(["run", "one", "5"]).failed(4), "refused");
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let folder = Folder::new();
    let with = |words: &[&str]| {
        let mut command = folder.command(words.iter().copied());
        for name in ["AU_CONFIG", "AU_LOG", "AU_LOG_FORMAT", "AU_LISTEN", "AU_HOST", "AU_STORE", "AU_TOKEN"] {
            command.env(name, "");
        }
        command
    };
    Ran::of(&mut with(&["list"])).succeeded();
    Ran::of(with(&["doctor"]).env("AU_DATA", "")).succeeded();
    let mut serves = with(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(serves.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    serves.kill().unwrap();
    serves.wait().unwrap();
    // Another program may have that port.
    has(&line, "127.0.0.1:8282");
}
