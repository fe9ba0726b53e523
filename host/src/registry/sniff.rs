//! What a file is, by its first bytes. Nothing is read further that is not WebAssembly.

use wasmtime::{Engine, Precompiled};

use crate::error::{Error, Result};
use crate::failure::clean;

/// The two binary forms of WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A core module.
    Core,
    /// A component.
    Component,
}

impl Form {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Component => "component",
        }
    }

    /// Whether `code` is what wasmtime makes of this form, at a glance.
    pub(super) fn compiled(self, code: &[u8]) -> bool {
        let made = Engine::detect_precompiled(code);
        matches!(
            (self, made),
            (Self::Core, Some(Precompiled::Module)) | (Self::Component, Some(Precompiled::Component))
        )
    }
}

/// Says what `bytes` are, or why they cannot be a module.
pub(super) fn sniff(bytes: &[u8]) -> Result<Form> {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => return Ok(Form::Core),
        [0, b'a', b's', b'm', 13, 0, 1, 0, ..] => return Ok(Form::Component),
        _ => {}
    }
    let (code, why) = refusal(bytes);
    Err(Error::Module { code: code.to_owned(), why })
}

fn refusal(bytes: &[u8]) -> (&'static str, String) {
    const INVALID: &str = "module_invalid";
    match bytes {
        [] => (INVALID, "the file is empty".into()),
        [0, b'a', b's', b'm', version @ ..] if version.len() < 4 => {
            (INVALID, format!("the file ends after {} bytes, within its header", bytes.len()))
        }
        [0, b'a', b's', b'm', a, b, c, d, ..] => {
            (INVALID, format!("unknown WebAssembly version {:02x}{:02x}{:02x}{:02x} (at offset 0x4)", a, b, c, d))
        }
        [0x7f, b'E', b'L', b'F', ..] => ("precompiled_refused", precompiled(bytes)),
        [0x1f, 0x8b, ..] => (INVALID, "this is gzip; unpack it first".into()),
        [b'P', b'K', 3, 4, ..] => (INVALID, "this is a zip archive; unpack it first".into()),
        _ => text(bytes).unwrap_or_else(|| {
            let start = hex::encode(&bytes[..bytes.len().min(8)]);
            (INVALID, format!("not WebAssembly: it begins with {start}, not with 0061736d (at offset 0x0)"))
        }),
    }
}

fn precompiled(bytes: &[u8]) -> String {
    let what =
        if Engine::detect_precompiled(bytes).is_some() { "code that wasmtime compiled" } else { "a native program" };
    format!("this is {what}; only WebAssembly is taken, and compiled here")
}

/// What to say of a text, if it is one.
fn text(bytes: &[u8]) -> Option<(&'static str, String)> {
    const CODE: &str = "text_refused";
    let start = &bytes[..bytes.len().min(512)];
    // A character may be cut at the end of the start.
    let start = match std::str::from_utf8(start) {
        Ok(start) => start,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if start.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let first = start
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with(";;"));
    if first.is_some_and(|line| line.starts_with('(')) {
        let why = "this is WebAssembly text; assemble it with `wat2wasm` or `wasm-tools parse` first";
        return Some((CODE, why.into()));
    }
    Some((CODE, format!("this is text, not WebAssembly: {:?}", clean(first.unwrap_or(""), 40))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(bytes: &[u8]) -> String {
        match sniff(bytes) {
            Err(Error::Module { code, .. }) => code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_sort_of_wrong_file_is_told_apart() {
        assert_eq!(code(b""), "module_invalid");
        assert_eq!(code(b"\0asm\x01"), "module_invalid");
        assert_eq!(code(b"\0asm\x02\0\0\0"), "module_invalid");
        assert_eq!(code(b"\x7fELF\x02\x01\x01"), "precompiled_refused");
        assert_eq!(code(b";; a comment\n  (module)"), "text_refused");
        assert_eq!(code("grüße, world".as_bytes()), "text_refused");
        assert_eq!(code(b"\x1f\x8b\x08"), "module_invalid");
        assert_eq!(code(&[0xde, 0xad, 0xbe, 0xef]), "module_invalid");
    }

    #[test]
    fn both_forms_are_known_by_their_header() {
        assert_eq!(sniff(b"\0asm\x01\0\0\0").unwrap(), Form::Core);
        assert_eq!(sniff(b"\0asm\x0d\0\x01\0").unwrap(), Form::Component);
    }
}
