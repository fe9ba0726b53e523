//! The command line as a user has it: the real `au-host`, in a data folder of its own, with guests that no toolchain makes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod arguments;
mod bad_modules;
mod cancelling;
mod codes;
mod configured;
mod detached;
mod doctor;
mod events;
mod folder;
mod home;
mod jobs;
mod json;
mod listing;
mod logged;
mod modules;
mod pipes;
mod queues;
mod running;
mod schedules;
mod settings;
mod sharing;
mod signals;
mod stores;
mod terminal;
mod tokens;
mod top;
mod usage;
mod webhooks;

pub(crate) use folder::*;

/// Commands work on the data folder themselves.
pub(crate) const OVER_HTTP: bool = false;
