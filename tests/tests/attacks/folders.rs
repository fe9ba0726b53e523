//! S5: a data folder that is taken away, or can no longer be written.

use std::path::Path;
use std::process::Command;

use super::process::Folder;
use super::*;

/// A file system of its own, which goes with it.
pub(crate) struct Mounted(std::path::PathBuf);

impl Mounted {
    pub(crate) fn new(dir: &Path, arguments: &[&str]) -> Option<Self> {
        std::fs::create_dir_all(dir).unwrap();
        let mounted = is_root().then(|| Command::new("mount").args(arguments).arg(dir).output())?.ok()?;
        if !mounted.status.success() {
            skip(&format!("{arguments:?} cannot be mounted here"));
            return None;
        }
        Some(Self(dir.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nothing else can be done about one that stays.
        drop(Command::new("umount").arg("-l").arg(&self.0).output());
    }
}

/// Nothing is kept any more, and it is said why; what was kept can be read; the process lives.
async fn refuses(local: &Local, kept: &Handle) {
    let refused = local.host().submit(ask("echo", 1)).await.expect_err("it cannot be kept");
    assert!(["fault", "storage_full", "refused"].contains(&refused.class().code), "{}", refused.chain());
    assert!(!refused.chain().is_empty());
    assert_eq!(kept.metadata().await.unwrap().status, Status::Completed, "what was read before is still there");
    assert_eq!(
        local.host().call(ask("echo", 9)).await.unwrap().bytes()[..],
        9_u32.to_le_bytes(),
        "a call needs no disk"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_turns_read_only_refuses_jobs_and_keeps_those_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let (image, disk) = (folder.path().join("image"), folder.path().join("disk"));
    if !is_root() || !has("mkfs.ext4") {
        return skip("making a file system takes root and mkfs.ext4");
    }
    std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    assert!(Command::new("/sbin/mkfs.ext4").args(["-q", "-F"]).arg(&image).status().unwrap().success());
    let Some(_mounted) = Mounted::new(&disk, &["-o", "loop", image.to_str().unwrap()]) else { return };
    let local = guest::local_at(&disk.join("data"), config()).await;
    let kept = local.host().submit(ask("echo", 5)).await.unwrap();
    kept.wait(LONG).await.unwrap();
    // What ext4 does by itself when its disk fails: it writes nothing more, whoever has a file open.
    let aborted = Command::new("mount").args(["-o", "remount,abort"]).arg(&disk).status().unwrap();
    if !aborted.success() {
        return skip("this ext4 cannot be aborted");
    }
    refuses(&local, &kept).await;
    assert!(local.host().ready().await.is_err(), "it says that it is not ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_removed_takes_no_more_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let local = guest::local_at(&dir, config()).await;
    // By its digest, which needs no look into the folder.
    let guest = local.module(&guest::alias().into()).await.unwrap().digest;
    let echo = |number| Request { module: au_host::ModuleRef::Digest(guest), ..ask("echo", number) };
    let kept = local.host().submit(echo(5)).await.unwrap();
    kept.wait(LONG).await.unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    // A job that is acknowledged now would be gone with this process.
    let refused = local.host().submit(echo(1)).await.expect_err("it cannot be kept");
    assert_eq!(refused.class().code, "fault", "{}", refused.chain());
    assert!(local.host().ready().await.is_err(), "it says that it is not ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_put_in_the_place_of_another_takes_no_jobs_of_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let local = guest::local_at(&dir, config()).await;
    std::fs::rename(&dir, folder.path().join("moved")).unwrap();
    let copied = Command::new("cp").arg("-a").arg(folder.path().join("moved")).arg(&dir).status().unwrap();
    assert!(copied.success());
    assert_eq!(local.host().submit(ask("echo", 1)).await.expect_err("it is not its own").class().code, "fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_somebody_else_is_not_opened_and_said_to_be() {
    let folder = Folder::with(&[]).await;
    if !is_root() || !has("setpriv") {
        return skip("being somebody else takes root and setpriv");
    }
    // The program itself may be where nobody else can read it.
    let copy = tempfile::Builder::new().prefix("au-attacks").tempdir().unwrap();
    let program = copy.path().join("au-host");
    std::fs::copy(super::process::program(), &program).unwrap();
    open_to_all(copy.path());
    open_to_all(&program);
    open_to_all(folder.path().parent().unwrap());
    for words in [vec!["list"], vec!["submit", "guest", "echo"], vec!["module", "list"], vec!["run", "guest", "echo"]] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(&words);
        let said = command.arg("--data").arg(folder.path()).output().unwrap();
        let talk = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.status.code(), Some(5), "{words:?}: {said:?}");
        assert!(talk.contains("ermission denied") || talk.contains("unable to open"), "{words:?}: {talk}");
    }
}

fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
