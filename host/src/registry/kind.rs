//! How a module is called: found out from what it imports and exports, never declared.

use serde::{Deserialize, Serialize};

use super::sniff::Form;

const GUEST: &str = "au:compute/guest@0.1.";
const COMMAND: &str = "wasi:cli/run@0.2.";
const PREVIEW1: &str = "wasi_snapshot_preview1::";

/// How a module is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A component that exports `au:compute/guest@0.1`: by function name, payload in, payload out.
    Compute,
    /// A `wasi:cli/run` component: arguments and stdin in, stdout and exit code out.
    Command,
    /// Any other component: by function name, values by their WIT types.
    Component,
    /// A core module: by export name, numbers in and out.
    Core,
    /// A core module that imports `wasi_snapshot_preview1`: as a [`Kind::Command`].
    Preview1,
}

impl Kind {
    /// Whether the code is a component; if not, it is a core module.
    #[must_use]
    pub fn is_component(self) -> bool {
        matches!(self, Self::Compute | Self::Command | Self::Component)
    }

    pub(super) fn of(form: Form, imports: &[String], exports: &[String]) -> Self {
        let exported = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
        match form {
            Form::Component if exported(GUEST) => Self::Compute,
            Form::Component if exported(COMMAND) => Self::Command,
            Form::Component => Self::Component,
            Form::Core if imports.iter().any(|name| name.starts_with(PREVIEW1)) => Self::Preview1,
            Form::Core => Self::Core,
        }
    }
}
