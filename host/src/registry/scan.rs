//! What the pre-scan found in a module: how much of everything, and what it asks for and offers.

use super::kind::Kind;

/// How much of everything a module has: for each of [`ScanLimits`](super::ScanLimits) the number it was held against.
/// Those of one function or one core module are the largest there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after its limit, which is documented")]
pub struct Counts {
    pub functions: u64,
    pub types: u64,
    pub imports: u64,
    pub exports: u64,
    pub globals: u64,
    pub body: u64,
    pub locals: u64,
    pub all_locals: u64,
    pub nesting: u64,
    pub blocks: u64,
    pub blocks_by_locals: u64,
    pub block_values: u64,
    pub branch_targets: u64,
    pub moved_values: u64,
    pub segments: u64,
    pub elements: u64,
    pub tables: u64,
    pub table_elements: u64,
    pub memories: u64,
    pub custom_sections: u64,
    pub custom_bytes: u64,
    pub modules: u64,
    pub components: u64,
    pub instances: u64,
    pub depth: u64,
}

/// A module that the pre-scan let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// How it is called.
    pub kind: Kind,
    /// What it asks for: `module::name` of a core module, interface or function of a component.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
    /// How much of everything it has.
    pub counts: Counts,
}
