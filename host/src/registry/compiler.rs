//! Who compiles: a child process with limits, or this process.

use std::env;
use std::path::{Path, PathBuf};

use wasmparser::Validator;
use wasmtime::Engine;

use super::aot::EngineHash;
use super::features::{features, refusal};
use super::sniff::Form;
use super::spawn;
use super::verdict::Refusal;
use crate::backend::wasm::engine::CodeProfile;
use crate::error::{Error, Result};

const PROGRAM: &str = "au-host";
const VARIABLE: &str = "AU_COMPILER";

/// Who turns WebAssembly into machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// The `au-host` program at this path, run anew for each module with limits on its memory, CPU time and wall time.
    Child(PathBuf),
    /// This process. Only for code that is trusted: 17 KB of hostile WebAssembly can cost minutes and gigabytes.
    InProcess,
}

/// What is to be compiled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    pub(super) profile: CodeProfile,
    pub(super) engine: EngineHash,
    pub(super) form: Form,
    pub(super) bytes: &'a [u8],
}

impl Compiler {
    /// The `au-host` that the variable `AU_COMPILER` names, else this program if it is one, else the one beside it or a folder
    /// above, else the first on `PATH`.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn find() -> Result<Self> {
        let named = env::var_os(VARIABLE).map(PathBuf::from);
        let own = env::current_exe().ok();
        let near = own.iter().flat_map(|own| own.ancestors().skip(1).take(2)).map(|dir| dir.join(PROGRAM));
        let path = env::var_os("PATH").unwrap_or_default();
        let on_path = env::split_paths(&path).map(|dir| dir.join(PROGRAM));
        let own = own.clone().filter(|own| own.file_name().is_some_and(|name| name == PROGRAM));
        match named {
            Some(named) => Ok(Self::Child(named)),
            None => own
                .into_iter()
                .chain(near)
                .chain(on_path)
                .find(|path| path.is_file())
                .map(Self::Child)
                .ok_or_else(missing),
        }
    }

    /// Compiles. `Module` when it is the module's fault, `Fault` when it is the compiler's.
    pub(super) fn compile(&self, order: &Order<'_>) -> Result<Vec<u8>> {
        match self {
            Self::Child(program) => spawn::compile(program, order),
            Self::InProcess => {
                let engine = engine(order.profile)?;
                Ok(translate(&engine, order.form, order.bytes)?)
            }
        }
    }

    /// The program, if there is one.
    #[must_use]
    pub fn program(&self) -> Option<&Path> {
        match self {
            Self::Child(program) => Some(program),
            Self::InProcess => None,
        }
    }
}

fn missing() -> Error {
    Error::not_found("program", format!("{PROGRAM}, which compiles modules ({VARIABLE} may say where it is)"))
}

/// An engine to compile with. It allocates on demand, so it fits into a child's small address space; the code is the same.
pub(super) fn engine(profile: CodeProfile) -> Result<Engine> {
    Engine::new(&profile.config()).map_err(|error| Error::fault("wasm engine", error))
}

/// Validates and compiles, here and now.
pub(super) fn translate(engine: &Engine, form: Form, bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    // wasmtime validates too, but only wasmparser's own error names the proposal that is missing.
    Validator::new_with_features(features()).validate_all(bytes).map_err(|error| refusal(&error))?;
    let code = match form {
        Form::Core => engine.precompile_module(bytes),
        Form::Component => engine.precompile_component(bytes),
    };
    code.map_err(|error| Refusal::new("module_invalid", format!("{error:#}")))
}
