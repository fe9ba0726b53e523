//! The modules of a host: taken in, checked, compiled, named, and described.
//!
//! A folder holds them, and several processes may share it. Code that somebody uploaded is never compiled in this process
//! unless the host says that it trusts it ([`Compiler::InProcess`]). Nothing here runs a guest.

mod add;
mod aliases;
mod aot;
mod body;
mod child;
mod code;
mod compiler;
mod features;
mod folder;
mod function;
mod inline;
mod kind;
mod limits;
mod lock;
mod open;
mod prescan;
mod records;
mod scan;
mod schema;
mod signature;
mod slot;
mod sniff;
mod spawn;
mod suggest;
mod verdict;

pub use child::compile_main;
pub use compiler::Compiler;
pub use function::Function;
pub use kind::Kind;
pub use limits::ScanLimits;
pub use open::Registry;
pub use prescan::prescan;
pub use records::{Listed, ModuleInfo};
pub use scan::{Counts, Scan};
pub use schema::Checker;
pub use suggest::nearest;
