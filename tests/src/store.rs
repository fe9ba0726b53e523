//! What every store must do. `alone` is asked of one handle, `shared` of several on the same data.

use std::sync::Arc;

use au_host::Store;
use au_host::store::Durability;

use crate::properties;
use crate::suite::Property;

mod blobs;
pub mod jobs;
mod keys;
mod lanes;
mod listing;
mod logs;
mod naughty;
mod notes;
mod quotas;
mod round_trip;
mod shared;
mod swaps;
mod take;
pub mod wrap;

/// Opens one more handle on the same data.
pub type Open = Arc<dyn Fn() -> Arc<dyn Store> + Send + Sync>;

/// A store that must open, on a thread of a runtime that may wait for it.
///
/// # Panics
/// When it does not.
#[must_use]
pub fn opened(url: &str, durability: Durability) -> Arc<dyn Store> {
    let store = waited_for(au_host::store::open(url, durability));
    store.unwrap_or_else(|error| panic!("{url} does not open: {}", error.chain()))
}

/// What comes of a future, on a thread of a runtime that may wait for it.
pub fn waited_for<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

/// What is asked of any store.
pub const ALONE: &[Property<Arc<dyn Store>>] = properties![
    "an inserted job reads back as it was, in every field" => round_trip::every_field,
    "texts of any kind come back as they were" => round_trip::naughty_texts,
    "payloads of any size come back as they were" => round_trip::payload_sizes,
    "every state reads back as it was" => round_trip::every_state,
    "a peek tells what a get tells, but for the payloads" => round_trip::peek_is_a_summary,
    "a job inserted as running is running" => round_trip::inserted_as_running,
    "an unknown job is not found, by every method" => round_trip::unknown_is_not_found,
    "an expired job is expired at once, and not found once removed" => round_trip::expired_then_not_found,
    "an unfinished job never expires" => round_trip::unfinished_never_expires,
    "an id that is taken is a conflict and changes nothing" => swaps::taken_id_is_a_conflict,
    "a state of another version is a conflict and changes nothing" => swaps::other_version_is_a_conflict,
    "of many who finish a job at once exactly one does" => swaps::one_finish_wins,
    "a finished job never changes again" => swaps::finished_stays,
    "of many who advance a job in turn none loses an update" => swaps::no_update_is_lost,
    "one key names one job, however many insert at once" => keys::racing_inserts,
    "a key holds while its job is kept" => keys::holds_while_kept,
    "a key that holds until its job finishes is free after" => keys::free_when_finished,
    "a key is free when its job is removed" => keys::free_when_removed,
    "a key is free when its job is expired" => keys::free_when_expired,
    "removing an old holder leaves the key with the new one" => keys::old_holder_leaves_key,
    "the keys of one principal are its own" => keys::of_each_principal,
    "a note reads back as it was put last, and is gone when removed" => notes::put_and_removed,
    "notes are read by the beginning of their names, in order" => notes::by_prefix,
    "a blob of any size reads back as it was put last, and is gone when removed" => blobs::put_and_removed,
    "of blobs put at once under one name one is there whole" => blobs::put_at_once,
    "due jobs start by priority, then due time, then age" => take::order,
    "a job is not started before its time" => take::not_before_its_time,
    "no more are started than asked for" => take::at_most_limit,
    "no two takes start the same job" => take::no_job_twice,
    "a take says when the next job falls due" => take::next_due,
    "the job of a worker that left is due at once" => take::left_worker,
    "the job of an unknown worker is lost" => take::unknown_worker,
    "the job of a living worker is nobody else's" => take::living_worker,
    "what each principal has is counted through every change" => quotas::held,
    "whoever has as many running as it may waits, and others go on" => quotas::running,
    "what waits for another of its principal is not due" => quotas::not_due,
    "what runs already is taken up from the dead, whatever the quota" => quotas::lost,
    "a queue runs no more than it may, whoever takes, and others go on" => lanes::of_a_queue,
    "a function runs no more than it may, in all queues and in each" => lanes::of_a_function,
    "of jobs with one key a queue runs no more than it may of each" => lanes::of_a_key,
    "nothing of a paused queue or function starts, until it is resumed" => lanes::paused,
    "what is in several lanes starts when there is room in all of them" => lanes::of_all_lanes,
    "a job that ends in any way gives its place back" => lanes::given_back,
    "what runs already is taken up from the dead, whatever the bounds" => lanes::lost,
    "jobs of open lanes start in their order, however many wait in closed ones" => lanes::order,
    "of many groups all come to be started" => lanes::many_groups,
    "what waits for room is not due, and is when there is some" => lanes::not_due,
    "of many takes at once none starts more than may run" => lanes::racing,
    "what waits and runs in each queue is counted" => lanes::loads,
    "a job lost for the last time is settled and not started" => take::lost_for_good,
    "a lost job whose cancel was asked for is cancelled" => take::lost_and_cancelled,
    "a released job is due again" => take::released,
    "lines of a log come back in order" => logs::in_order,
    "lines appended at once are all there, each piece in one" => logs::appended_at_once,
    "a log is read from any line" => logs::from_any_line,
    "a log is gone with its job" => logs::gone_with_the_job,
    "lists are newest first and paged without gap or repeat" => listing::paged,
    "lists pass what the filter passes" => listing::filters,
    "lists leave out what is expired" => listing::without_expired,
    "a page below a cursor stays true while jobs come and change" => listing::paged_while_changing,
    "expired jobs are listed longest ago first" => listing::expired_in_order,
    "removing forgets all of a job, and unknown ones do no harm" => listing::remove_forgets,
    "what waits and runs is counted" => listing::depth,
    "a store that works is ready" => listing::ready,
];

/// What is asked of a store that several processes share.
pub const SHARED: &[Property<Open>] = properties![
    "what one handle has acknowledged, another reads" => shared::reads_others_writes,
    "no job is given to two of many handles" => shared::no_job_twice,
    "of many takes through many handles none starts more than may run" => lanes::racing_handles,
    "of racing finishes through many handles one wins" => shared::one_finish_wins,
    "a note that one handle put, another reads" => notes::shared,
    "a blob that one handle put, another reads" => blobs::shared,
    "one key names one job through many handles" => shared::one_key,
    "another handle hears of a change" => shared::hint,
    "whoever begins to listen is told to look, for what changed meanwhile" => shared::first_hint,
    "the jobs of a handle that is gone are due at once" => shared::gone_handle,
    "the jobs of a living handle are not" => shared::living_handle,
    "large payloads of a living handle are not swept" => shared::no_sweep_of_the_living,
    "what was acknowledged is there after all handles are closed" => shared::reopened,
];
