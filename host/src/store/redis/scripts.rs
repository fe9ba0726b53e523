//! The scripts: each is one transition of the store, and Redis runs one at a time.

use std::sync::LazyLock;

use bytes::Bytes;
use redis::Cmd;

/// A script, and the name that the server knows it by once it has seen it.
#[derive(Debug)]
pub(super) struct Script {
    code: String,
    name: String,
}

impl Script {
    fn new(code: &str) -> Self {
        let code = [include_str!("lua/common.lua"), code].concat();
        let name = redis::Script::new(&code).get_hash().to_owned();
        Self { code, name }
    }

    /// Runs it. `again`: it may have run already. `whole`: the server does not know it.
    pub(super) fn command(&self, base: &[u8], again: bool, whole: bool, args: &[Bytes]) -> Cmd {
        let (verb, script) = if whole { ("EVAL", &self.code) } else { ("EVALSHA", &self.name) };
        let mut command = redis::cmd(verb);
        command.arg(script).arg(1).arg(base).arg(if again { "1" } else { "0" });
        for arg in args {
            command.arg(&arg[..]);
        }
        command
    }
}

macro_rules! scripts {
    ($($name:ident = $file:literal),* $(,)?) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!(concat!("lua/", $file, ".lua"))));)*
    };
}

scripts! {
    ADVANCE = "advance",
    APPEND = "append",
    ASIDE = "aside",
    CHUNK = "chunk",
    DEPTH = "depth",
    DUE = "due",
    EXPIRED = "expired",
    GROUPS = "groups",
    HEARTBEAT = "heartbeat",
    INSERT = "insert",
    LEAVE = "leave",
    LIST = "list",
    LOAD = "load",
    LOADS = "loads",
    NEXT = "next",
    NOTES = "notes",
    ONLY = "only",
    PUT_BLOB = "put_blob",
    PUT_NOTE = "put_note",
    READ_LOG = "read_log",
    REMOVE = "remove",
    REMOVE_BLOB = "remove_blob",
    REMOVE_NOTE = "remove_note",
    START = "start",
}
