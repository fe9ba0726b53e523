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

/// Wide enough for every real guest tried, with room for twice that or more. The largest of each that was measured, over
/// CPython (componentize-py 0.25.1, 18.4 MB), SpiderMonkey (componentize-js, 12 MB), QuickJS (componentize-qjs 0.4.5 with
/// `--sync`, 1.6 MB; without, it asks for component-model-async, which is off), wasm-tools and a code generator in Rust (2.4
/// and 5.7 MB), and this project's Rust guests (34 to 198 KB). `tests/tests/attacks/real.rs` measures others:
///
/// | limit | largest | in |
/// |---|---|---|
/// | functions, types | 13,497, 1,441 | CPython |
/// | imports, exports, globals | 2,423, 4,471, 1,893 | CPython, which is linked from 38 modules |
/// | body, locals | 426,843, 271 | CPython |
/// | all locals | 51,842 | SpiderMonkey |
/// | nesting | 781 | CPython |
/// | blocks, blocks by locals, block values | 4,216, 200,812, 1,254 | SpiderMonkey |
/// | branch targets | 15,849 | CPython |
/// | moved values | 7,894 | wasm-tools |
/// | segments, elements, table elements | 10,002, 7,696, 7,693 | SpiderMonkey |
/// | tables, memories | 2, 1 | QuickJS |
/// | custom sections, their bytes | 24, 1,198,692 | CPython, the code generator |
/// | modules, instances | 38, 1,560 | CPython |
/// | components, depth | 24, 3 | QuickJS |
///
/// The smallest bombs known are far beyond: 1,000 loops with 1,000 locals are 17 KB and cost Cranelift 10 s and 1 GB.
impl Default for ScanLimits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            functions: 60_000,
            types: 10_000,
            imports: 10_000,
            exports: 20_000,
            globals: 10_000,
            body: 2 << 20,
            locals: 5_000,
            all_locals: 500_000,
            nesting: 4_096,
            blocks: 20_000,
            blocks_by_locals: 600_000,
            block_values: 10_000,
            branch_targets: 60_000,
            moved_values: 100_000,
            segments: 40_000,
            elements: 100_000,
            tables: 4,
            table_elements: 100_000,
            memories: 1,
            custom_sections: 256,
            // Debug information of an unoptimised build is most of the file.
            custom_bytes: 48 << 20,
            modules: 256,
            components: 128,
            instances: 10_000,
            depth: 16,
        }
    }
}
