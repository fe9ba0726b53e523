//! Standard streams that are closed, full, or nobody's.

use std::io::Read;
use std::process::Stdio;

use super::*;

/// A shell runs `$AU`, with streams as the script says.
fn shell(folder: &Folder, script: &str) -> Ran {
    let mut command = Command::new("bash");
    command.args(["--norc", "-o", "pipefail", "-c", script]).current_dir(folder.0.path());
    Ran::of(command.env("AU", program()).env("AU_DATA", folder.data()))
}

fn full_folder() -> Folder {
    let folder = Folder::filled();
    let submit = "for i in $(seq 40); do $AU submit guest echo --no-worker; done";
    shell(&folder, submit).succeeded();
    folder
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = full_folder();
    for verb in ["list", "list --json", "--help", "completions bash", "functions"] {
        let mut child = folder.command(verb.split(' '));
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Gone before the first byte, or in the midst of them: both are the same to a pipe.
        drop(child.stdout.take());
        let ran = Ran::to_the_end(child);
        assert_eq!((ran.code, &*ran.err), (Some(0), ""), "{verb}");
    }
    let ran = shell(&folder, "$AU list | head -1");
    assert_eq!((ran.code, &*ran.err, ran.out.lines().count()), (Some(0), "", 1));
}

#[test]
fn a_large_result_whose_reader_goes_is_no_error() {
    let folder = Folder::filled();
    folder.write("in.dat", vec![b'x'; 1 << 20]);
    let mut child = folder.command(["run", "guest", "echo", "-i", "in.dat"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ran = Ran::to_the_end(child);
    assert_eq!((ran.code, &*ran.err), (Some(0), ""));
    assert_eq!(folder.list()[0]["status"], "completed");
}

#[test]
fn a_full_stdout_is_an_error_and_the_result_is_kept() {
    let folder = Folder::filled();
    let ran = shell(&folder, "$AU run guest echo 7 > /dev/full").ended(5);
    has(&ran.err, "No space left on device");
    let id = folder.list()[0]["id"].as_str().unwrap().to_owned();
    has(&ran.err, &format!("au-host result {id}"));
    assert_eq!(folder.run(["result", &id]).succeeded().out, "[7]\n");
    has(&shell(&folder, "$AU run guest echo -o /dev/full").ended(5).err, "storage is full");
    for verb in ["list", "--help", "completions bash", "doctor", "module list"] {
        shell(&folder, &format!("$AU {verb} > /dev/full")).ended(5);
    }
}

#[test]
fn that_nobody_hears_what_is_said_changes_nothing() {
    let folder = Folder::filled();
    let ran = shell(&folder, "$AU run guest log -i 7.bin 2> /dev/full");
    assert_eq!(ran.code, Some(3));
    let three = folder.number(3);
    let ran = shell(&folder, &format!("$AU run guest log -i {three} 2> /dev/full")).succeeded();
    assert_eq!(ran.bytes, 3_u32.to_le_bytes());
    shell(&folder, "$AU run nothing 2> /dev/full").ended(3);
    shell(&folder, "$AU frob 2> /dev/full").ended(2);
    shell(&folder, "$AU run nothing 2>&-").ended(3);
}

#[test]
fn closed_streams_do_no_harm() {
    let folder = Folder::filled();
    assert_eq!(shell(&folder, "$AU run guest echo 7 <&-").succeeded().out, "[7]\n");
    assert_eq!(shell(&folder, "$AU run guest echo --input - <&-").succeeded().out.trim_end(), "");
    shell(&folder, "$AU run guest echo 7 >&-").succeeded();
    shell(&folder, "$AU list <&- >&- 2>&-").succeeded();
    assert_eq!(folder.list().len(), 3);
}
