//! One run of the program, from nothing to its end: `au-host run` of a module it has, beside `wasmtime run` of one it has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use au_host::registry::Compiler;
use au_tests::guest;

use crate::measure::{Effort, Sample, in_turns, shown, wall};
use crate::table::{Found, Limit, Row, Table};

const TURNS: usize = 100;
/// Where `cargo xtask bench` put wasmtime's own program, or why it could not.
const WASMTIME: &str = "AU_WASMTIME";
const NO_WASMTIME: &str = "AU_WASMTIME_MISSING";

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let folder = tempfile::tempdir().expect("a folder");
    let run = Ours::set_up(folder.path());
    let turns = effort.of_usual(TURNS);
    let wasmtime = match wasmtime() {
        Ok(program) => program,
        Err(why) => {
            let [kept] = in_turns(turns, [&mut || time(&mut run.kept())]);
            return table.add(without(&why, &kept));
        }
    };
    let theirs = Theirs::set_up(folder.path(), wasmtime.into());
    let [base, compiled, kept, ephemeral] = in_turns(
        turns,
        [
            &mut || time(&mut theirs.cached()),
            &mut || time(&mut theirs.compiled()),
            &mut || time(&mut run.kept()),
            &mut || time(&mut run.ephemeral()),
        ],
    );
    let each = |sample: &Sample| shown(sample.median());
    let with_cache = "`wasmtime run` of an empty module in its cache";
    let beside = |ours: &Sample| format!("{} beside {} of {with_cache}", each(ours), each(&base));
    let figure = "`au-host run` of a cached module";
    table.add(Row::ratio(figure, kept.over(&base), Limit::AtMost(1.2), beside(&kept)));
    let figure = "the same with `--ephemeral`";
    table.add(Row::ratio(figure, ephemeral.over(&base), Limit::None, beside(&ephemeral)));
    let figure = "`au-host run`, beside a .cwasm";
    let beside = format!("{} beside {} of `wasmtime run --allow-precompiled`", each(&kept), each(&compiled));
    table.add(Row::ratio(figure, kept.over(&compiled), Limit::None, beside));
}

/// Wasmtime's own program, or why there is none.
pub(crate) fn wasmtime() -> Result<OsString, String> {
    let why = || std::env::var(NO_WASMTIME).unwrap_or_else(|_| format!("{WASMTIME} names no wasmtime program"));
    std::env::var_os(WASMTIME).ok_or_else(why)
}

fn without(why: &str, kept: &Sample) -> Row {
    let why = format!("{why}; ours took {}", shown(kept.median()));
    let limit = Limit::AtMost(1.2);
    Row {
        figure: "`au-host run` of a cached module",
        found: Found::Skipped(why),
        unit: "×",
        limit,
        beside: String::new(),
    }
}

fn time(command: &mut Command) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    wall(|| assert!(command.status().expect("it starts").success(), "{command:?}")).as_secs_f64()
}

struct Ours {
    program: PathBuf,
    data: PathBuf,
}

impl Ours {
    fn set_up(folder: &Path) -> Self {
        let Compiler::Child(program) = guest::compiler() else { panic!("a program that compiles") };
        let ours = Self { program, data: folder.join("data") };
        let file = folder.join("guest.wasm");
        std::fs::write(&file, guest::guest()).expect("room");
        time(ours.command().args(["module", "add"]).arg(&file));
        ours
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--data").arg(&self.data);
        command
    }

    fn kept(&self) -> Command {
        let mut command = self.command();
        command.args(["run", "guest", "echo"]);
        command
    }

    fn ephemeral(&self) -> Command {
        let mut command = self.kept();
        command.arg("--ephemeral");
        command
    }
}

struct Theirs {
    program: PathBuf,
    module: PathBuf,
    compiled: PathBuf,
    config: PathBuf,
}

impl Theirs {
    fn set_up(folder: &Path, program: PathBuf) -> Self {
        let file = |name| folder.join(name);
        let theirs =
            Self { program, module: file("empty.wasm"), compiled: file("empty.cwasm"), config: file("cache.toml") };
        let module = wat::parse_str("(module (func (export \"_start\")))").expect("a module");
        std::fs::write(&theirs.module, module).expect("room");
        let cache = format!("[cache]\ndirectory = {:?}\n", folder.join("cache"));
        std::fs::write(&theirs.config, cache).expect("room");
        time(Command::new(&theirs.program).arg("compile").arg(&theirs.module).arg("-o").arg(&theirs.compiled));
        theirs
    }

    fn cached(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("run").arg("-C").arg(format!("cache-config={}", self.config.display())).arg(&self.module);
        command
    }

    fn compiled(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["run", "--allow-precompiled"]).arg(&self.compiled);
        command
    }
}
