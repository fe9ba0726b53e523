//! How much there is: of each principal, of each status, and of what waits.

use redis::Value;

use super::RedisStore;
use super::answer::{self, own, sortable};
use super::{fault, scripts};
use crate::error::Result;
use crate::job::{Counts, Status};
use crate::quota::Held;
use crate::store::Depth;
use crate::store::record::status_code;
use crate::time::Timestamp;

impl RedisStore {
    pub(super) async fn held_by(&self, principal: &str) -> Result<Held> {
        let key = self.main.target.key("own:p", principal.as_bytes());
        let mut command = redis::cmd("HMGET");
        command.arg(key).arg("b");
        for status in Status::ALL {
            command.arg(status_code(status));
        }
        let mut values = answer::array(self.main.ask(&command).await?)?.into_iter();
        let mut next = || match values.next().ok_or_else(fault::strange)? {
            Value::Nil => Ok(0),
            value => answer::number(&value),
        };
        let mut held = Held { stored: next()?, ..Held::default() };
        for status in Status::ALL {
            *held.jobs.of(status) = next()?;
        }
        Ok(held)
    }

    pub(super) async fn count_all(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        for status in Status::ALL {
            let key = self.main.target.key("st:", status_code(status).to_string().as_bytes());
            *counts.of(status) = answer::number(&self.main.ask(redis::cmd("ZCARD").arg(key)).await?)?;
        }
        Ok(counts)
    }

    pub(super) async fn depth_at(&self, now: Timestamp) -> Result<Depth> {
        let depth = self.main.run(&scripts::DEPTH, &[own(sortable(now.as_micros()))]).await?;
        let [pending, due, oldest, running] = answer::parts(depth)?;
        let oldest_due = answer::optional(oldest)?.map(|due| answer::time(&due)).transpose()?;
        let count = answer::number;
        Ok(Depth { pending: count(&pending)?, due: count(&due)?, oldest_due, running: count(&running)? })
    }
}
