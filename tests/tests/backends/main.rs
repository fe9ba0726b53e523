//! Backends that are not in the host's process, as users have them: the real `au-host`, with children and other hosts that are
//! killed and paused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, unused_imports, reason = "a part of what the tests of the command line use")]

mod elsewhere;
#[path = "../cli/folder.rs"]
mod folder;
mod processes;
mod routed;
mod worker;

pub(crate) use au_tests::serving::Serving;
pub(crate) use folder::*;
pub(crate) use worker::*;

/// Commands work on the folder themselves.
pub(crate) const OVER_HTTP: bool = false;
