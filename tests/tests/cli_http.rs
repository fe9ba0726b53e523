//! The command line once more, with `AU_HOST`: the same tests, where a server has the data folder. What is not here is about data
//! folders, terminals and words; tests that cannot apply say so by `only_here`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, unused_imports, reason = "a part of what the tests on a folder use")]

#[path = "cli/arguments.rs"]
mod arguments;
#[path = "cli/bad_modules.rs"]
mod bad_modules;
#[path = "cli/cancelling.rs"]
mod cancelling;
#[path = "cli/codes.rs"]
mod codes;
#[path = "cli/elsewhere.rs"]
mod elsewhere;
#[path = "cli/events.rs"]
mod events;
#[path = "cli/folder.rs"]
mod folder;
#[path = "cli/jobs.rs"]
mod jobs;
#[path = "cli/json.rs"]
mod json;
#[path = "cli/listing.rs"]
mod listing;
#[path = "cli/modules.rs"]
mod modules;
#[path = "cli/pipes.rs"]
mod pipes;
#[path = "cli/queues.rs"]
mod queues;
#[path = "cli/running.rs"]
mod running;
#[path = "cli/schedules.rs"]
mod schedules;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/signals.rs"]
mod signals;
#[path = "cli/top.rs"]
mod top;

pub(crate) use folder::*;

/// A server has the data folder.
pub(crate) const OVER_HTTP: bool = true;
