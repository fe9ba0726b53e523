//! A disk that is full.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use au_host::{Error, Local, OCTETS, Payload, Request};
use au_tests::guest;

use super::{is_root, skip};

/// A file system of its own, which goes with it.
pub(crate) struct Mounted(pub(crate) PathBuf);

impl Mounted {
    pub(crate) fn new(dir: &Path, arguments: &[&str]) -> Option<Self> {
        std::fs::create_dir_all(dir).unwrap();
        let mounted = Command::new("mount").args(arguments).arg(dir).output().ok()?;
        mounted.status.success().then(|| Self(dir.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nothing else can be done about one that stays.
        drop(Command::new("umount").args(["-l"]).arg(&self.0).output());
    }
}

#[test]
fn a_full_disk_refuses_new_jobs_keeps_the_old_ones_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    let mounted = if is_root() { Mounted::new(&disk, &["-t", "tmpfs", "-o", "size=16m", "tmpfs"]) } else { None };
    let Some(_mounted) = mounted else { return skip("a small file system cannot be mounted here: it takes root") };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let local = guest::local_at(&disk.join("data"), guest::config()).await;
        let ballast = disk.join("ballast");
        std::fs::write(&ballast, vec![1; 2 << 20]).unwrap();
        let kept = fill(&local).await;
        assert!(kept.len() > 5, "{}", kept.len());
        for handle in &kept {
            handle.metadata().await.expect("what was kept is there");
        }
        // Where nothing can be written no job can be started, and those that are due wait for room without being lost.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        std::fs::remove_file(&ballast).unwrap();
        for handle in &kept {
            let ended = handle.wait(Duration::from_secs(30)).await.expect("it is run once there is room");
            assert_eq!(ended.status, au_host::Status::Failed, "{:?}", handle.metadata().await);
        }
        let again = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                match local.host().submit(guest::ask("echo", 7)).await {
                    Ok(handle) => return handle,
                    Err(Error::StorageFull { .. } | Error::Busy { .. } | Error::Fault { .. }) => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let again = again.await.expect("there is room again");
        assert_eq!(again.result(Duration::from_secs(30)).await.unwrap().bytes()[..], 7_u32.to_le_bytes());
    });
}

/// Submits until there is no more room.
async fn fill(local: &Local) -> Vec<au_host::Handle> {
    let mut kept = Vec::new();
    for number in 0..10_000_u32 {
        // No two are alike, and each is small enough to leave little room when it no longer fits.
        let input = Payload::new(OCTETS, [number.to_le_bytes().to_vec(), vec![0xaa; 200_000]].concat()).unwrap();
        let mut request = Request { input, ..guest::ask("invalid", 0) };
        request.run_at = Some(au_host::Clock::system().now().plus(Duration::from_millis(1500)));
        match local.host().submit(request).await {
            Ok(handle) => kept.push(handle),
            Err(error) => {
                assert_eq!(error.class().code, "storage_full", "{}", error.chain());
                return kept;
            }
        }
    }
    panic!("16 MiB held 2 GB");
}
