//! A module that is ready to be called in one engine.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::{ComponentExportIndex, InstancePre};

use super::bindings::GUEST;
use super::guest::Guest;
use super::quick::Quick;
use super::ticker::Beat;
use crate::error::{Error, Result};

/// A module that is ready to be called in one engine.
pub(super) struct Prepared {
    pub(super) instance: InstancePre<Guest>,
    pub(super) call: ComponentExportIndex,
    pub(super) functions: ComponentExportIndex,
    pub(super) wasi: bool,
    pub(super) beat: Arc<Beat>,
    pub(super) quick: Quick,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("wasi", &self.wasi).finish_non_exhaustive()
    }
}

impl Prepared {
    pub(super) fn new(instance: InstancePre<Guest>, wasi: bool, beat: Arc<Beat>) -> Result<Self> {
        let component = instance.component();
        let export = |name: &str| {
            let guest = component.get_export_index(None, GUEST)?;
            component.get_export_index(Some(&guest), name)
        };
        let missing = || Error::Module {
            code: "module_kind_mismatch".into(),
            why: format!("it does not export {GUEST}, and nothing else can be called yet"),
        };
        let call = export("call").ok_or_else(missing)?;
        let functions = export("functions").ok_or_else(missing)?;
        Ok(Self { instance, call, functions, wasi, beat, quick: Quick::new() })
    }
}
