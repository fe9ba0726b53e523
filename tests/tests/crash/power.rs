//! Power cuts: an ext4 on a loop device is shut down under a host (FS_IOC_SHUTDOWN), and mounted again as after a reboot.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::disk::Mounted;
use super::oracle::History;
use super::{has, is_root, listen, load, prepare, run, skip};

const CUTS: u32 = 20;
/// Cuts until the control must have failed: it fails four of five.
const CONTROLS: u32 = 12;
const EATMYDATA: &str = "/usr/lib/x86_64-linux-gnu/libeatmydata.so";

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    if !possible() {
        return;
    }
    for cut in 0..CUTS {
        let broken = cut_after(Duration::from_millis(150 + u64::from(cut) * 20), None);
        assert!(broken.is_empty(), "cut {cut}: {broken:#?}");
    }
}

/// The control: where fsync does nothing, power cuts do lose jobs. If they did not, the test above would prove nothing.
#[test]
fn without_fsync_a_power_cut_does_lose_jobs() {
    if !possible() {
        return;
    }
    if !Path::new(EATMYDATA).exists() {
        return skip("libeatmydata1 is not there: run `cargo xtask setup` as root");
    }
    let lost = (0..CONTROLS)
        .any(|cut| !cut_after(Duration::from_millis(200 + u64::from(cut) * 30), Some(EATMYDATA)).is_empty());
    assert!(lost, "no cut lost anything: the test of power cuts cannot fail");
}

fn possible() -> bool {
    let missing = ["mkfs.ext4", "mount", "perl"].into_iter().find(|program| !has(program));
    match missing {
        Some(program) => skip(&format!("{program} is not there: run `cargo xtask setup` as root")),
        None if !is_root() => skip("cutting the power of a file system takes root"),
        None if !Path::new("/dev/loop-control").exists() => skip("there are no loop devices here"),
        None => return true,
    }
    false
}

/// Runs a load for so long, cuts, mounts again; what the oracle finds.
fn cut_after(wait: Duration, preload: Option<&str>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (image, disk) = (folder.path().join("image"), folder.path().join("disk"));
    File::create(&image).unwrap().set_len(256 << 20).unwrap();
    run(Command::new("/sbin/mkfs.ext4").args(["-q", "-F"]).arg(&image));
    let source = image.to_str().unwrap();
    let mounted = Mounted::new(&disk, &["-o", "loop", source]).expect("ext4 can be mounted");
    let dir = disk.join("data");
    prepare(&dir);
    run(Command::new("sync").arg("-f").arg(&disk));
    let mut command = load(&dir, 0);
    if let Some(library) = preload {
        command.env("LD_PRELOAD", library);
    }
    let mut child = command.spawn().unwrap();
    let cut = Arc::new(AtomicBool::new(false));
    let cutter = std::thread::spawn({
        let (process, at, cut) = (rustix::process::Pid::from_child(&child), disk.clone(), cut.clone());
        move || {
            let done = shut_down(&at, wait, &cut);
            rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
            done.expect("the power was cut");
        }
    });
    let mut history = History::default();
    // What is told once the cut has begun is no word of the host's: Linux lets an fdatasync succeed that was under way when the
    // file system was shut down, though nothing of it is there (6.18: a bare loop of pwrite and fdatasync, 7 of 250 cuts).
    listen(&mut child, |line| {
        if !cut.load(Ordering::SeqCst) {
            history.note(line);
        }
    });
    child.wait().unwrap();
    cutter.join().unwrap();
    drop(mounted);
    let _mounted = Mounted::new(&disk, &["-o", "loop", source]).expect("it can be mounted again");
    assert!(history.acked.len() > 10, "hardly anything was submitted: {history:?}");
    history.broken(&dir)
}

/// Cuts after `wait`, and says so just before it does.
fn shut_down(disk: &Path, wait: Duration, cut: &AtomicBool) -> std::io::Result<()> {
    // EXT4_IOC_SHUTDOWN with NOLOGFLUSH: nothing more reaches the disk, not even the journal.
    let script = "open(F,'<',$ARGV[0]) or die $!; my $how=pack('L',2); <STDIN>; ioctl(F,0x8004587d,$how) or die $!";
    let mut perl = Command::new("perl").args(["-e", script]).arg(disk).stdin(Stdio::piped()).spawn()?;
    std::thread::sleep(wait);
    cut.store(true, Ordering::SeqCst);
    // It waits for a line, or the end of them.
    drop(perl.stdin.take());
    let status = perl.wait()?;
    if status.success() { Ok(()) } else { Err(std::io::Error::other(status.to_string())) }
}
