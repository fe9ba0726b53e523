//! How much there is: of each status, of each queue, and of what waits.

use super::read::{PAGE, Pages, strange};
use super::row::status_byte;
use super::turn::Turn;
use super::{KeyedStore, keys};
use crate::error::Result;
use crate::job::{Counts, Status};
use crate::lanes::{self, Load};
use crate::store::Depth;
use crate::store::record::status_code;
use crate::time::Timestamp;

impl KeyedStore {
    pub(super) async fn depth_at(&self, now: Timestamp) -> Result<Depth> {
        let mut depth = Depth { running: self.size(&[keys::RUNNING]).await?, ..Depth::default() };
        let mut pages = Pages::of(&[keys::WAITING]);
        while !pages.is_over() {
            for (key, group) in pages.next(self, PAGE).await? {
                let due = Turn::read(&key, group).ok_or_else(strange)?.due;
                depth.pending += 1;
                if due <= now {
                    depth.due += 1;
                    depth.oldest_due = Some(depth.oldest_due.map_or(due, |oldest| oldest.min(due)));
                }
            }
        }
        Ok(depth)
    }

    pub(super) async fn sum_loads(&self) -> Result<Vec<Load>> {
        let waits = self.sum_groups(keys::WAITING).await?.into_iter().map(|(group, pending)| (group, pending, 0));
        let runs = self.running().await?.into_iter().map(|(group, running)| (group, 0, running));
        Ok(lanes::loads(waits.chain(runs)))
    }

    pub(super) async fn count_all(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        for status in Status::ALL {
            let prefix = keys::key(keys::STATUS, &[&status_byte(status_code(status))]);
            *counts.of(status) = self.size(&prefix).await?;
        }
        Ok(counts)
    }

    /// How many keys begin so.
    async fn size(&self, prefix: &[u8]) -> Result<u64> {
        let (mut pages, mut size) = (Pages::of(prefix), 0);
        while !pages.is_over() {
            size += pages.next(self, PAGE).await?.len() as u64;
        }
        Ok(size)
    }
}
