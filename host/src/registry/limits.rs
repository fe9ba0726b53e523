//! How much of everything a module may have before anybody tries to compile it.
//!
//! These stop what is small to send and dear to compile, at once and with the limit's name. What gets past them meets the
//! limits of the compile child, which are the real guard.

/// What the pre-scan allows. Counts are over the whole file, nested modules included, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanLimits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Functions with a body.
    pub functions: u64,
    /// Types.
    pub types: u64,
    /// Imports.
    pub imports: u64,
    /// Exports.
    pub exports: u64,
    /// Globals.
    pub globals: u64,
    /// Bytes of one function's body.
    pub body: u64,
    /// Locals of one function, parameters not among them.
    pub locals: u64,
    /// Locals of all functions.
    pub all_locals: u64,
    /// Blocks within blocks.
    pub nesting: u64,
    /// Blocks, loops and ifs of one function.
    pub blocks: u64,
    /// Of one function: its blocks times its parameters and locals. What Cranelift's time and memory grow with.
    pub blocks_by_locals: u64,
    /// Of one function: the values its blocks take and give, summed.
    pub block_values: u64,
    /// Of one function: the targets of its `br_table`s, summed.
    pub branch_targets: u64,
    /// Of one function: the values its `br_table`s hand to their targets, and its calls to what they call, summed.
    pub moved_values: u64,
    /// Data segments and element segments.
    pub segments: u64,
    /// Elements of all element segments.
    pub elements: u64,
    /// Tables of one core module.
    pub tables: u64,
    /// Elements a table begins with.
    pub table_elements: u64,
    /// Memories of one core module.
    pub memories: u64,
    /// Custom sections.
    pub custom_sections: u64,
    /// Bytes of all custom sections.
    pub custom_bytes: u64,
    /// Core modules in a component.
    pub modules: u64,
    /// Components in a component.
    pub components: u64,
    /// Instances in a component, and aliases of what they export.
    pub instances: u64,
    /// Components within components.
    pub depth: u64,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            functions: 60_000,
            types: 20_000,
            imports: 4_096,
            exports: 30_000,
            globals: 30_000,
            body: 2 << 20,
            locals: 10_000,
            all_locals: 2_000_000,
            nesting: 1_024,
            blocks: 50_000,
            blocks_by_locals: 10_000_000,
            block_values: 100_000,
            branch_targets: 100_000,
            moved_values: 1_000_000,
            segments: 60_000,
            elements: 200_000,
            tables: 4,
            table_elements: 100_000,
            memories: 1,
            custom_sections: 256,
            custom_bytes: 32 << 20,
            modules: 64,
            components: 64,
            instances: 4_096,
            depth: 16,
        }
    }
}
