//! One pass over a module's bytes, counting, before anybody compiles it. It takes time in proportion to the bytes, whatever
//! they are.
//!
//! It does not validate: that can take a thousand times longer than reading, so it is left to the compile child.

use wasmparser::{
    ComponentExternName, CompositeInnerType, ElementItems, Encoding, FunctionBody, Parser, Payload, TableType, TypeRef,
};

use super::body::{Arity, Signatures, measure};
use super::features::refusal;
use super::kind::Kind;
use super::limits::ScanLimits;
use super::scan::{Counts, Scan};
use super::sniff::sniff;
use crate::error::{Error, Result};
use crate::failure::clean;

const NAME_LIMIT: usize = 256;

/// Says what `bytes` are and how much of everything they have, or why they are refused.
///
/// # Errors
/// `Module` with the code `module_invalid`, `text_refused`, `precompiled_refused`, `module_too_large`,
/// `unsupported_feature:…` or `limit:…`.
pub fn prescan(bytes: &[u8], limits: &ScanLimits) -> Result<Scan> {
    fits(bytes.len() as u64, limits)?;
    let form = sniff(bytes)?;
    let mut pass =
        Pass { limits, counts: Counts::default(), levels: Vec::new(), imports: Vec::new(), exports: Vec::new() };
    for payload in Parser::new(0).parse_all(bytes) {
        pass.payload(payload.map_err(invalid)?)?;
    }
    let kind = Kind::of(form, &pass.imports, &pass.exports);
    Ok(Scan { kind, imports: pass.imports, exports: pass.exports, counts: pass.counts })
}

/// Refuses a module of `size` bytes, if that is too many.
pub(super) fn fits(size: u64, limits: &ScanLimits) -> Result<()> {
    if size <= limits.bytes {
        return Ok(());
    }
    let why = format!("it has {size} bytes, and {} are allowed", limits.bytes);
    Err(Error::Module { code: "module_too_large".into(), why })
}

fn invalid(error: wasmparser::Error) -> Error {
    refusal(&error).into()
}

/// Refuses a `value` above its limit.
pub(super) fn hold(name: &str, value: u64, limit: u64) -> Result<()> {
    if value <= limit {
        return Ok(());
    }
    let why = format!("it has {value} {}, and {limit} are allowed", name.replace('_', " "));
    Err(Error::Module { code: format!("limit:{name}"), why })
}

/// Counts `$more` towards a limit on the whole.
macro_rules! add {
    ($pass:expr, $name:ident, $more:expr) => {{
        $pass.counts.$name = $pass.counts.$name.saturating_add(u64::from($more));
        hold(stringify!($name), $pass.counts.$name, $pass.limits.$name)
    }};
}

/// Holds `$value` against a limit on each.
macro_rules! peak {
    ($pass:expr, $name:ident, $value:expr) => {{
        let value: u64 = $value;
        $pass.counts.$name = $pass.counts.$name.max(value);
        hold(stringify!($name), value, $pass.limits.$name)
    }};
}

struct Pass<'a> {
    limits: &'a ScanLimits,
    counts: Counts,
    /// The module or component that is being read, below those it is nested in.
    levels: Vec<CoreModule>,
    imports: Vec<String>,
    exports: Vec<String>,
}

/// What is known so far of one core module. A component has one that stays empty.
#[derive(Default)]
struct CoreModule {
    signatures: Signatures,
    imported: usize,
    bodies: usize,
    tables: u64,
    memories: u64,
}

impl Pass<'_> {
    fn payload(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => self.enter(encoding),
            Payload::End(_) => {
                self.levels.pop();
                Ok(())
            }
            Payload::CustomSection(section) => {
                add!(self, custom_sections, 1u64)?;
                add!(self, custom_bytes, section.data().len() as u64)
            }
            Payload::CodeSectionEntry(body) => self.body(&body),
            Payload::ModuleSection { .. } => add!(self, modules, 1u64),
            Payload::ComponentSection { .. } => add!(self, components, 1u64),
            other => self.section(other),
        }
    }

    fn enter(&mut self, encoding: Encoding) -> Result<()> {
        self.levels.push(CoreModule::default());
        match encoding {
            Encoding::Component => peak!(self, depth, self.levels.len() as u64 - 1),
            Encoding::Module => Ok(()),
        }
    }

    fn section(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::TypeSection(types) => self.types(types),
            Payload::ImportSection(imports) => self.imports(imports),
            Payload::FunctionSection(functions) => {
                add!(self, functions, functions.count())?;
                for index in functions {
                    let index = index.map_err(invalid)?;
                    self.module(|module| module.signatures.functions.push(index));
                }
                Ok(())
            }
            Payload::TableSection(tables) => {
                tables.into_iter().try_for_each(|table| self.table(table.map_err(invalid)?.ty))
            }
            Payload::MemorySection(memories) => (0..memories.count()).try_for_each(|_| self.memory()),
            Payload::GlobalSection(globals) => add!(self, globals, globals.count()),
            Payload::ExportSection(exports) => {
                add!(self, exports, exports.count())?;
                exports.into_iter().try_for_each(|export| {
                    self.exported(export.map_err(invalid)?.name);
                    Ok(())
                })
            }
            Payload::ElementSection(elements) => self.elements(elements),
            Payload::DataSection(data) => add!(self, segments, data.count()),
            other => self.component_section(other),
        }
    }

    fn component_section(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::CoreTypeSection(types) => add!(self, types, types.count()),
            Payload::ComponentTypeSection(types) => add!(self, types, types.count()),
            Payload::InstanceSection(instances) => add!(self, instances, instances.count()),
            Payload::ComponentInstanceSection(instances) => add!(self, instances, instances.count()),
            Payload::ComponentAliasSection(aliases) => add!(self, instances, aliases.count()),
            Payload::ComponentCanonicalSection(functions) => add!(self, functions, functions.count()),
            Payload::ComponentImportSection(imports) => {
                add!(self, imports, imports.count())?;
                imports.into_iter().try_for_each(|import| {
                    let ComponentExternName { name, .. } = import.map_err(invalid)?.name;
                    self.imported(|| name.to_owned());
                    Ok(())
                })
            }
            Payload::ComponentExportSection(exports) => {
                add!(self, exports, exports.count())?;
                exports.into_iter().try_for_each(|export| {
                    self.exported(export.map_err(invalid)?.name.name);
                    Ok(())
                })
            }
            // Neither start functions nor unknown sections cost anything, and the validator refuses the latter.
            _ => Ok(()),
        }
    }

    fn types(&mut self, types: wasmparser::TypeSectionReader<'_>) -> Result<()> {
        for group in types {
            for ty in group.map_err(invalid)?.types() {
                add!(self, types, 1u64)?;
                let arity = match &ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => Arity::of(ty.params().len(), ty.results().len()),
                    _ => Arity::default(),
                };
                self.module(|module| module.signatures.types.push(arity));
            }
        }
        Ok(())
    }

    fn imports(&mut self, imports: wasmparser::ImportSectionReader<'_>) -> Result<()> {
        for import in imports.into_imports() {
            let import = import.map_err(invalid)?;
            add!(self, imports, 1u64)?;
            self.imported(|| format!("{}::{}", import.module, import.name));
            match import.ty {
                TypeRef::Func(index) | TypeRef::FuncExact(index) => self.module(|module| {
                    module.signatures.functions.push(index);
                    module.imported += 1;
                }),
                TypeRef::Table(ty) => self.table(ty)?,
                TypeRef::Memory(_) => self.memory()?,
                TypeRef::Global(_) => add!(self, globals, 1u64)?,
                TypeRef::Tag(_) => {}
            }
        }
        Ok(())
    }

    fn table(&mut self, ty: TableType) -> Result<()> {
        let tables = self.module(|module| {
            module.tables += 1;
            module.tables
        });
        peak!(self, tables, tables)?;
        peak!(self, table_elements, ty.initial)
    }

    fn memory(&mut self) -> Result<()> {
        let memories = self.module(|module| {
            module.memories += 1;
            module.memories
        });
        peak!(self, memories, memories)
    }

    fn elements(&mut self, elements: wasmparser::ElementSectionReader<'_>) -> Result<()> {
        add!(self, segments, elements.count())?;
        for element in elements {
            let count = match element.map_err(invalid)?.items {
                ElementItems::Functions(items) => items.count(),
                ElementItems::Expressions(_, items) => items.count(),
            };
            add!(self, elements, count)?;
        }
        Ok(())
    }

    fn body(&mut self, body: &FunctionBody<'_>) -> Result<()> {
        peak!(self, body, body.range().len() as u64)?;
        let Some(module) = self.levels.last_mut() else { return Ok(()) };
        let own = module.imported + module.bodies;
        module.bodies += 1;
        let size = measure(body, own, &module.signatures, self.limits)?;
        peak!(self, locals, size.locals)?;
        peak!(self, nesting, size.nesting)?;
        peak!(self, blocks, size.blocks)?;
        peak!(self, blocks_by_locals, size.blocks_by_locals())?;
        peak!(self, block_values, size.block_values)?;
        peak!(self, branch_targets, size.branch_targets)?;
        peak!(self, moved_values, size.moved_values)?;
        add!(self, all_locals, size.locals)
    }

    fn imported(&mut self, name: impl FnOnce() -> String) {
        if self.levels.len() == 1 {
            self.imports.push(clean(&name(), NAME_LIMIT));
        }
    }

    fn exported(&mut self, name: &str) {
        if self.levels.len() == 1 {
            self.exports.push(clean(name, NAME_LIMIT));
        }
    }

    /// The module that is being read. The parser begins every one with its version, so there is one.
    fn module<T: Default>(&mut self, change: impl FnOnce(&mut CoreModule) -> T) -> T {
        self.levels.last_mut().map(change).unwrap_or_default()
    }
}
