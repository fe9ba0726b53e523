//! Who waits for which job in this process. Waiters subscribe before they look, so that no change slips between.
//!
//! Keeps nothing of a job that nobody waits for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::id::JobId;
use crate::job::Job;

/// The last thing that was heard of a job.
#[derive(Clone, Debug, Default)]
pub(crate) enum News {
    /// Nothing in particular: look at the store.
    #[default]
    Look,
    /// It finished, as this.
    Finished(Arc<Job>),
}

#[derive(Debug, Default)]
struct Topics(Mutex<HashMap<JobId, Topic>>);

#[derive(Debug)]
struct Topic {
    news: watch::Sender<News>,
    waiting: usize,
}

/// All waits of a host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hub(Arc<Topics>);

impl Hub {
    /// Hears of `id` from now on.
    pub(crate) fn subscribe(&self, id: JobId) -> Subscription {
        let mut topics = self.0.lock();
        let topic = topics.entry(id).or_insert_with(|| Topic { news: watch::Sender::default(), waiting: 0 });
        topic.waiting += 1;
        Subscription { id, news: topic.news.subscribe(), topics: Arc::clone(&self.0) }
    }

    /// Something about `id` changed.
    pub(crate) fn look(&self, id: JobId) {
        if let Some(topic) = self.0.lock().get(&id) {
            topic.news.send_modify(|_| {});
        }
    }

    /// `job` finished.
    pub(crate) fn finished(&self, id: JobId, job: impl FnOnce() -> Job) {
        if let Some(topic) = self.0.lock().get(&id) {
            topic.news.send_replace(News::Finished(Arc::new(job())));
        }
    }

    /// Anything may have changed of every job but those that pass `own`.
    pub(crate) fn look_all(&self, own: impl Fn(JobId) -> bool) {
        for (id, topic) in self.0.lock().iter() {
            if !own(*id) {
                topic.news.send_modify(|_| {});
            }
        }
    }
}

impl Topics {
    // A map insert or remove is all that happens under it.
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Topic>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait for one job.
#[derive(Debug)]
pub(crate) struct Subscription {
    id: JobId,
    news: watch::Receiver<News>,
    topics: Arc<Topics>,
}

impl Subscription {
    /// Waits until something was heard since the last time.
    pub(crate) async fn next(&mut self) -> News {
        match self.news.changed().await {
            Ok(()) => self.news.borrow_and_update().clone(),
            // Cannot be: this subscription keeps its topic.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Entry::Occupied(mut topic) = self.topics.lock().entry(self.id) {
            topic.get_mut().waiting -= 1;
            if topic.get().waiting == 0 {
                topic.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[tokio::test]
    async fn news_between_subscribing_and_waiting_is_heard() {
        let hub = Hub::default();
        let id = JobId::new(Timestamp::from_micros(1));
        let mut wait = hub.subscribe(id);
        hub.look(id);
        assert!(matches!(wait.next().await, News::Look));
    }

    #[tokio::test]
    async fn a_job_that_nobody_waits_for_leaves_nothing_behind() {
        let hub = Hub::default();
        let id = JobId::new(Timestamp::from_micros(1));
        let (first, second) = (hub.subscribe(id), hub.subscribe(id));
        drop(first);
        assert_eq!(hub.0.lock().len(), 1);
        drop(second);
        assert!(hub.0.lock().is_empty());
    }
}
