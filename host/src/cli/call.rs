//! From words on a command line to a request: which module, which function, with what.

use std::io::Read;
use std::path::Path;

use au_host::registry::{Function, ModuleInfo, nearest};
use au_host::{CBOR, Error, JSON, MESSAGE_PACK, ModuleName, ModuleRef, OCTETS, Payload, Request};
use serde_json::Value;

use super::args::Call;
use super::hosted::Hosted;
use super::trouble::{Result, Trouble};

/// The module that a target names, added first if it is a file; and what to call it.
pub(crate) async fn module(host: &Hosted, target: &str) -> Result<(ModuleInfo, Option<String>)> {
    if is_file(target) {
        let path = Path::new(target);
        let bytes = std::fs::read(path).map_err(|error| Trouble::file(path, &error))?;
        let info = host.add_module(bytes.into()).await?;
        return Ok((info, path.file_stem().map(|stem| stem.to_string_lossy().into_owned())));
    }
    let reference: ModuleRef = target.parse()?;
    let name = if let ModuleRef::Name(name) = &reference { Some(name.to_string()) } else { None };
    Ok((host.module(&reference).await?, name))
}

/// A name has no path separator and no extension of a module.
fn is_file(target: &str) -> bool {
    let path = Path::new(target);
    let module = path.extension().is_some_and(|end| ["wasm", "wat", "cwasm"].iter().any(|known| end == *known));
    module || target.contains(['/', '\\']) || (target.parse::<ModuleRef>().is_err() && path.is_file())
}

/// The alias that a file is given.
pub(crate) fn alias_of(path: &Path) -> Option<ModuleName> {
    path.file_stem()?.to_str()?.to_ascii_lowercase().parse().ok()
}

/// The request that a call asks for.
pub(crate) async fn request(host: &Hosted, call: &Call) -> Result<Request> {
    let (module, name) = module(host, &call.target).await?;
    let (function, args) = function(&module, call)?;
    let input = match (&call.input, args.first()) {
        (Some(_), Some(arg)) => {
            let why = format!(
                "it is the whole input, and {arg} is no function of this module but an argument: give one of the two"
            );
            return Err(Error::invalid("--input", why).into());
        }
        (Some(path), None) => input(path, call.content_type.as_deref()).await?,
        (None, _) => Payload::json(&args)?,
    };
    let mut request = Request::new(ModuleRef::Digest(module.digest), function, input);
    request.module_name = name;
    Ok(request)
}

/// Which function is meant, and what is left as its arguments. In a module of one function its name may be left out.
fn function(module: &ModuleInfo, call: &Call) -> Result<(String, Vec<Value>)> {
    let args: Vec<_> = call.args.iter().map(|text| value(text)).collect();
    match (&call.function, &*module.functions) {
        (None, [only]) => Ok((only.name.clone(), args)),
        (Some(first), [only]) if is_argument(first, only, args.len()) => {
            Ok((only.name.clone(), [vec![value(first)], args].concat()))
        }
        (Some(name), _) => Ok((name.clone(), args)),
        (None, []) => {
            let why = "it describes no function, so there is nothing to call".into();
            Err(Error::Module { code: "module_kind_mismatch".into(), why }.into())
        }
        (None, all) => Err(Error::invalid("call", which(all)).into()),
    }
}

/// Whether this word, with so many after it, is the first argument of the only function: it is no word, or it makes their
/// number right and does not look like a slip in the function's name.
fn is_argument(word: &str, only: &Function, others: usize) -> bool {
    let fits = || only.parameters() == Some(others + 1) && nearest(word, [&*only.name]).is_none();
    word != only.name && (!value(word).is_string() || fits())
}

fn which(functions: &[Function]) -> String {
    let names: Vec<_> = functions.iter().map(|function| &*function.name).collect();
    format!("say which function: {}", names.join(", "))
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

async fn input(path: &Path, content_type: Option<&str>) -> Result<Payload> {
    let from_stdin = path.as_os_str() == "-";
    let bytes = if from_stdin {
        let read = tokio::task::spawn_blocking(|| {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        });
        read.await.map_err(|error| Error::fault("stdin", error))?.map_err(|error| Error::fault("stdin", error))?
    } else {
        std::fs::read(path).map_err(|error| Trouble::file(path, &error))?
    };
    let told = content_type.unwrap_or_else(|| if from_stdin { looks_like(&bytes) } else { told_by(path) });
    Ok(Payload::new(told, bytes)?)
}

/// The media type that a file's name tells.
fn told_by(path: &Path) -> &'static str {
    let end = path.extension().map(|end| end.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match &*end {
        "json" => JSON,
        "msgpack" | "mp" => MESSAGE_PACK,
        "cbor" => CBOR,
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "md" => "text/markdown",
        "txt" | "text" | "log" | "toml" | "yaml" | "yml" | "xml" | "rs" | "py" => "text/plain",
        _ => OCTETS,
    }
}

/// What comes through a pipe has no name: JSON if it parses, text if it is text.
fn looks_like(bytes: &[u8]) -> &'static str {
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        JSON
    } else if std::str::from_utf8(bytes).is_ok() {
        "text/plain"
    } else {
        OCTETS
    }
}
