//! `module` and `functions`: what can be called here.

use std::path::{Path, PathBuf};

use au_host::registry::{Listed, ModuleInfo};
use au_host::{Error, ModuleName, Removed, clean};
use serde_json::json;

use super::args::Module;
use super::call;
use super::hosted::Hosted;
use super::output::Out;
use super::place::Place;
use super::trouble::{Result, Trouble};
use au_host::units;

pub(crate) async fn functions(place: &Place, out: Out, target: Option<String>) -> Result {
    let host = place.look().await?;
    let Some(target) = target else { return all_functions(&host, out).await };
    let (module, name) = call::module(&host, &target).await?;
    if out.json {
        return out.facts(&module.functions);
    }
    if module.functions.is_empty() {
        out.note(&format!("{} has no functions that can be called", name.unwrap_or(target)));
    }
    module.functions.iter().try_for_each(|function| out.line(&line(function)))
}

async fn all_functions(host: &Hosted, out: Out) -> Result {
    let modules = host.list_modules().await?;
    if out.json {
        let all =
            modules.iter().flat_map(|listed| listed.info.functions.iter().map(move |function| (listed, function)));
        let facts: Vec<_> = all
            .map(|(listed, function)| json!({ "module": listed.info.digest, "aliases": listed.aliases, "function": function }))
            .collect();
        return out.facts(&facts);
    }
    for listed in modules.iter().filter(|listed| !listed.info.functions.is_empty()) {
        out.line(&format!("{}:", title(listed)))?;
        listed.info.functions.iter().try_for_each(|function| out.line(&format!("  {}", line(function))))?;
    }
    Ok(())
}

fn line(function: &au_host::registry::Function) -> String {
    let signature = function.signature();
    match clean(&function.summary, 200) {
        summary if summary.is_empty() => signature,
        summary => format!("{signature}\n      {}", summary.replace('\n', " ")),
    }
}

fn title(listed: &Listed) -> String {
    match &*listed.aliases {
        [] => listed.info.digest.to_string(),
        names => names.iter().map(ModuleName::as_str).collect::<Vec<_>>().join(", "),
    }
}

pub(crate) async fn module(place: &Place, out: Out, command: Module) -> Result {
    let host = place.look().await?;
    match command {
        Module::Add { files, name: Some(_), .. } if files.len() > 1 => {
            Err(Error::invalid("--name", "one name cannot be given to several modules").into())
        }
        Module::Add { files, name, no_name } => {
            for file in files {
                add(&host, out, Add { file, name: name.clone(), no_name }).await?;
            }
            Ok(())
        }
        Module::List => list(&host, out).await,
        Module::Show { module } => show(&host, out, &module).await,
        Module::Alias { name, module } => {
            let info = host.module(&module.parse()?).await?;
            host.alias(&name, info.digest).await?;
            if out.json {
                return out.facts(&json!({ "name": name, "module": info.digest }));
            }
            out.note(&format!("{name} is {}", info.digest));
            Ok(())
        }
        Module::Rm { module } => {
            for module in module {
                remove(&host, out, &module).await?;
            }
            Ok(())
        }
    }
}

struct Add {
    file: PathBuf,
    name: Option<ModuleName>,
    no_name: bool,
}

async fn add(host: &Hosted, out: Out, add: Add) -> Result {
    let bytes = std::fs::read(&add.file).map_err(|error| Trouble::file(&add.file, &error))?;
    let info = host.add_module(bytes.into()).await?;
    let name = if add.no_name { None } else { add.name.or_else(|| call::alias_of(Path::new(&add.file))) };
    if let Some(name) = &name {
        host.alias(name, info.digest).await?;
    }
    if out.json {
        return out.facts(&json!({ "name": name, "module": info }));
    }
    if name.is_none() && !add.no_name {
        out.note("its file's name cannot be a module's: --name gives it one");
    }
    let shown = name.map_or_else(|| info.digest.to_string(), |name| format!("{name} {}", info.digest));
    out.line(&shown)?;
    info.functions.iter().try_for_each(|function| out.line(&format!("  {}", line(function))))
}

async fn list(host: &Hosted, out: Out) -> Result {
    let modules = host.list_modules().await?;
    if out.json {
        return out.facts(&modules);
    }
    if modules.is_empty() {
        out.note("no modules; add one with `au-host module add FILE`");
        return Ok(());
    }
    out.line(&format!("{:20}  {:>10}  {:9}  FUNCTIONS", "NAME", "SIZE", "KIND"))?;
    for listed in &modules {
        let names: Vec<_> = listed.info.functions.iter().map(|function| clean(&function.name, 64)).collect();
        let name = if listed.aliases.is_empty() { listed.info.digest.to_string() } else { title(listed) };
        let kind = format!("{:?}", listed.info.kind).to_lowercase();
        out.line(&format!("{name:20}  {:>10}  {kind:9}  {}", units::bytes(listed.info.size), names.join(", ")))?;
    }
    Ok(())
}

async fn show(host: &Hosted, out: Out, module: &str) -> Result {
    let info = host.module(&module.parse()?).await?;
    if out.json {
        return out.facts(&info);
    }
    let ModuleInfo { digest, size, kind, added, .. } = &info;
    out.line(&format!(
        "{digest}\n  kind     {}\n  size     {}\n  added    {added}",
        format!("{kind:?}").to_lowercase(),
        units::bytes(*size)
    ))?;
    for (what, names) in [("imports", &info.imports), ("exports", &info.exports)] {
        let shown: Vec<_> = names.iter().map(|name| clean(name, 200)).collect();
        out.line(&format!(
            "  {what}  {}",
            if shown.is_empty() { "nothing".into() } else { shown.join("\n           ") }
        ))?;
    }
    info.functions.iter().try_for_each(|function| out.line(&format!("  {}", line(function))))
}

/// A name goes, and with the last name the module.
async fn remove(host: &Hosted, out: Out, module: &str) -> Result {
    match host.remove_module(&module.parse()?).await? {
        Removed::Name(name) if out.json => out.facts(&json!({ "removed": { "name": name } })),
        Removed::Name(name) => {
            out.note(&format!("removed the name {name}; its module has others"));
            Ok(())
        }
        Removed::Module { digest, names } if out.json => {
            out.facts(&json!({ "removed": { "module": digest, "names": names } }))
        }
        Removed::Module { digest, .. } => {
            out.note(&format!("removed {digest}"));
            Ok(())
        }
    }
}
