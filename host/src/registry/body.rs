//! Measures one function's body for what makes it dear to compile.

use wasmparser::{BlockType, FunctionBody, Operator};

use super::features::refusal;
use super::limits::ScanLimits;
use super::prescan::hold;
use crate::error::{Error, Result};

/// How many values a type takes and gives.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arity {
    params: u64,
    results: u64,
}

impl Arity {
    pub(super) fn of(params: usize, results: usize) -> Self {
        Self { params: params as u64, results: results as u64 }
    }

    fn sum(self) -> u64 {
        self.params + self.results
    }
}

/// The types of a core module, and which of them each of its functions has, imported ones first.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    pub(super) types: Vec<Arity>,
    pub(super) functions: Vec<u32>,
}

impl Signatures {
    // An index out of bounds is the validator's to refuse.
    fn ty(&self, index: u32) -> Arity {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn function(&self, index: usize) -> Arity {
        self.functions.get(index).map(|&ty| self.ty(ty)).unwrap_or_default()
    }

    fn block(&self, ty: BlockType) -> Arity {
        match ty {
            BlockType::Empty => Arity::default(),
            BlockType::Type(_) => Arity::of(0, 1),
            BlockType::FuncType(index) => self.ty(index),
        }
    }
}

/// What one body has, named as in [`ScanLimits`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measure {
    params: u64,
    pub(super) locals: u64,
    pub(super) nesting: u64,
    pub(super) blocks: u64,
    pub(super) block_values: u64,
    pub(super) branch_targets: u64,
    pub(super) moved_values: u64,
}

impl Measure {
    pub(super) fn blocks_by_locals(&self) -> u64 {
        self.blocks.saturating_mul(self.params + self.locals)
    }
}

/// Measures the body of the function with index `own`.
pub(super) fn measure(
    body: &FunctionBody<'_>,
    own: usize,
    signatures: &Signatures,
    limits: &ScanLimits,
) -> Result<Measure> {
    let invalid = |error: wasmparser::Error| Error::from(refusal(&error));
    let own = signatures.function(own);
    let mut size = Measure { params: own.params, ..Measure::default() };
    for local in body.get_locals_reader().map_err(invalid)? {
        let (count, _) = local.map_err(invalid)?;
        size.locals += u64::from(count);
    }
    // How many values a branch to each of the labels in reach carries, the function's own first.
    let mut labels = vec![own.results];
    for operator in body.get_operators_reader().map_err(invalid)? {
        match operator.map_err(invalid)? {
            Operator::Loop { blockty } => open(&mut size, &mut labels, signatures.block(blockty), |ty| ty.params),
            Operator::Block { blockty } | Operator::If { blockty } => {
                open(&mut size, &mut labels, signatures.block(blockty), |ty| ty.results);
            }
            Operator::End => {
                labels.pop();
            }
            Operator::BrTable { targets } => {
                size.branch_targets += u64::from(targets.len()) + 1;
                hold("branch_targets", size.branch_targets, limits.branch_targets)?;
                for target in targets.targets() {
                    let target = target.map_err(invalid)? as usize;
                    let label = labels.len().checked_sub(target + 1).and_then(|at| labels.get(at));
                    size.moved_values += label.copied().unwrap_or(0);
                }
            }
            Operator::Call { function_index } => {
                size.moved_values += signatures.function(function_index as usize).sum()
            }
            Operator::CallIndirect { type_index, .. } => size.moved_values += signatures.ty(type_index).sum(),
            _ => {}
        }
    }
    Ok(size)
}

fn open(size: &mut Measure, labels: &mut Vec<u64>, ty: Arity, carries: impl FnOnce(Arity) -> u64) {
    size.blocks += 1;
    size.block_values += ty.sum();
    labels.push(carries(ty));
    size.nesting = size.nesting.max(labels.len() as u64 - 1);
}
