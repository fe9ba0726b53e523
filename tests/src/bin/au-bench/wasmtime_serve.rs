//! `wasmtime serve` of a handler that does nothing.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// It, until it is dropped.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    child: Child,
    // Held open, or what it says later would end it.
    _stderr: BufReader<ChildStderr>,
    _folder: tempfile::TempDir,
}

impl Serving {
    pub(crate) fn start(program: &OsStr) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let module = folder.path().join("trivial.wasm");
        std::fs::write(&module, handler()).map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["serve", "--addr", "127.0.0.1:0"]).arg(&module).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        stderr.read_line(&mut line).map_err(|error| error.to_string())?;
        let address = line.split("http://").nth(1).map(|rest| rest.trim().trim_end_matches('/'));
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            return Err(format!("`wasmtime serve` says: {line}"));
        };
        Ok(Self { address, child, _stderr: stderr, _folder: folder })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it ends");
    }
}

fn handler() -> Vec<u8> {
    let mut module = wat::parse_str(include_str!("trivial.wat")).expect("a module");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("trivial.wit", include_str!("trivial.wit")).expect("WIT");
    let world = resolve.select_world(&[package], Some("proxy")).expect("a world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata can be added");
    let encoder = ComponentEncoder::default().module(&module).expect("the module fits the world");
    encoder.validate(true).encode().expect("a component")
}
