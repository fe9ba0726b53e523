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

#[cfg(test)]
mod tests {
    use super::super::limits::ScanLimits;
    use super::super::prescan;
    use super::super::sniff::sniff;
    use super::*;

    const BUSY: &str = include_str!("../../../tests/fixtures/busy.wat");
    const ANSWER: &str = include_str!("../../../tests/fixtures/answer.wat");

    /// What is done with an upload, short of keeping it.
    fn take_in(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>> {
        prescan(bytes, &ScanLimits::default())?;
        Ok(translate(engine, sniff(bytes)?, bytes)?)
    }

    fn code(result: Result<Vec<u8>>) -> String {
        match result {
            Ok(_) => "compiled".into(),
            Err(Error::Module { code, .. }) => code,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn no_mutant_of_a_module_makes_the_registry_panic() {
        let engine = engine(CodeProfile::default()).unwrap();
        let originals = [wat::parse_str(BUSY).unwrap(), wat::parse_str(ANSWER).unwrap()];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 11).unwrap() % below
        };
        for round in 0..20_000 {
            let mut mutant = originals[usize::from(round % 5 == 0)].clone();
            for _ in 0..=random(3) {
                let at = random(mutant.len().max(1));
                if mutant.is_empty() {
                    break;
                }
                match random(4) {
                    0 => mutant[at] ^= 1 << random(8),
                    1 => mutant[at] = u8::try_from(random(256)).unwrap(),
                    2 => drop(mutant.remove(at)),
                    _ => mutant.truncate(at.max(1)),
                }
            }
            let said = code(take_in(&engine, &mutant));
            let known = said == "compiled"
                || said == "module_invalid"
                || said == "text_refused"
                || said.starts_with("unsupported_feature:")
                || said.starts_with("limit:");
            assert!(known, "{said} in round {round}");
        }
    }

    #[test]
    fn a_proposal_that_is_off_is_refused_by_name_and_by_the_engine_too() {
        let engine = engine(CodeProfile::default()).unwrap();
        for (name, text) in [
            ("gc", "(module (type (struct (field i32))))"),
            ("exceptions", "(module (tag $t) (func throw $t))"),
            ("memory64", "(module (memory i64 1))"),
            ("threads", "(module (memory 1 1 shared))"),
            ("threads", "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))"),
            ("relaxed_simd", "(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))"),
            ("tail_call", "(module (func $f return_call $f))"),
            ("function_references", "(module (type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0))))"),
            ("custom_page_sizes", "(module (memory 1 (pagesize 1)))"),
            ("wide_arithmetic", "(module (func (i64.mul_wide_u (i64.const 1) (i64.const 1)) drop drop))"),
            ("stack_switching", "(module (type $f (func)) (type $c (cont $f)) (tag $t) (func (suspend $t)))"),
        ] {
            let bytes = wat::parse_str(text).unwrap();
            assert_eq!(code(take_in(&engine, &bytes)), format!("unsupported_feature:{name}"), "{text}");
            // wasmtime has no switch for this one in a build without GC: there the validator alone refuses it.
            let refused = name == "function_references" || engine.precompile_module(&bytes).is_err();
            assert!(refused, "{name} is on in the engine");
        }
    }

    #[test]
    fn proposals_that_real_guests_use_are_on() {
        let engine = engine(CodeProfile::default()).unwrap();
        for text in [
            "(module (func (param v128) (result v128) local.get 0))",
            "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))))",
            "(module (func (result i32 i64) i32.const 1 i64.const 2))",
            "(module (table 1 funcref) (func (drop (table.get (i32.const 0)))))",
            "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
            "(module (func (drop (i32.trunc_sat_f64_s (f64.const 1)))))",
        ] {
            assert_eq!(code(take_in(&engine, &wat::parse_str(text).unwrap())), "compiled", "{text}");
        }
    }

    #[test]
    fn code_of_the_compiler_is_of_the_engine_that_runs_it() {
        use crate::backend::wasm::engine::{EngineProfile, PoolSize};
        for profile in CodeProfile::all() {
            let pool = PoolSize { attempts: 4, memory: 64 << 20, table_elements: 20_000 };
            for pooled in [true, false] {
                let runs = EngineProfile { code: profile, stack: 512 << 10, pool, pooled }.engine().unwrap();
                assert_eq!(EngineHash::of(&engine(profile).unwrap()), EngineHash::of(&runs), "{profile:?}");
            }
        }
    }
}
