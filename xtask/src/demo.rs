//! The main job on real input, typed as a user would type it, each answer held against what it must be.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::sh::{self, au_host, cargo, command, shown, target};
use crate::{Result, guests, inputs, new, setup};

/// 100!, as anybody can look it up.
const FACTORIAL: &str = "93326215443944152681699238856266700490715968264381621468592963895217599993229915608941463976156518286253697920827223758251185210916864000000000000000000000000";
/// Primes below ten million.
const PRIMES: &str = "664579";

pub(crate) fn demo() -> Result {
    setup::setup()?;
    guests::guests()?;
    sh::run(&mut cargo("build --locked --workspace --bins"))?;
    inputs::make()?;
    let demo = Demo::new()?;
    demo.functions()?;
    demo.answers()?;
    demo.files()?;
    demo.outlives_its_worker()?;
    demo.violations()?;
    demo.function_of_ones_own()?;
    println!("\ndemo: all of it is as it should be. Try it yourself: target/debug/au-host --help");
    Ok(())
}

/// What a command did.
struct Said {
    code: i32,
    out: String,
    err: String,
}

struct Demo {
    data: PathBuf,
}

impl Demo {
    fn new() -> Result<Self> {
        let data = target().join("demo/data");
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| error.to_string())?;
        }
        Ok(Self { data })
    }

    /// Types a command: words by spaces, `G/` for the folder of guests, `I/` for that of inputs.
    fn au(&self, words: &str) -> Result<Said> {
        let place = |word: &str| match word.split_once('/') {
            Some(("G", name)) => guests::folder().join(name).into_os_string(),
            Some(("I", name)) => inputs::folder().join(name).into_os_string(),
            _ => word.into(),
        };
        let mut command: Command = command(au_host(), words.split(' ').map(place));
        command.env("AU_DATA", &self.data).stdin(Stdio::null());
        println!("\n$ {}", shown(&command).replacen("target/debug/", "", 1));
        let output = command.output().map_err(|error| error.to_string())?;
        let said = Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        print!("{}{}", said.err, said.out);
        Ok(said)
    }

    /// Types it, and expects this on stdout.
    fn expect(&self, words: &str, out: &str) -> Result<String> {
        let said = self.au(words)?;
        if said.code != 0 || !said.out.contains(out) {
            return Err(format!("`{words}` ended with {} and did not say {out:?}", said.code));
        }
        Ok(said.out.trim().to_owned())
    }

    /// Types it, and expects this exit code and these words on stderr.
    fn refuse(&self, words: &str, code: i32, err: &[&str]) -> Result {
        let said = self.au(words)?;
        match err.iter().find(|word| !said.err.contains(*word)) {
            Some(word) => Err(format!("`{words}` did not say {word:?}")),
            None if said.code != code => Err(format!("`{words}` ended with {}, not {code}", said.code)),
            None => Ok(()),
        }
    }

    fn functions(&self) -> Result {
        self.expect("functions G/factorial.wasm", "factorial(n: integer)").map(|_| ())
    }

    fn answers(&self) -> Result {
        self.expect("run G/factorial.wasm factorial 100", FACTORIAL)?;
        self.expect("run --ephemeral G/factorial.wasm 100", FACTORIAL)?;
        self.expect("run G/primes.wasm primes 10000000", PRIMES)?;
        self.expect("run G/montecarlo.wasm montecarlo 1000000 7", "3.14").map(|_| ())
    }

    fn files(&self) -> Result {
        self.expect("run G/wordcount.wasm --input I/text.txt", "\"total\"")?;
        self.expect("run G/csv_stats.wasm --input I/table.csv", "\"temperature\"")?;
        self.expect("run G/mandelbrot.wasm mandelbrot 640 480 -o I/mandelbrot.png", "")?;
        let picture = fs::read(inputs::folder().join("mandelbrot.png")).map_err(|error| error.to_string())?;
        if !picture.starts_with(b"\x89PNG\r\n\x1a\n") || picture[16..24] != [0, 0, 2, 128, 0, 0, 1, 224] {
            return Err("mandelbrot.png is no PNG of 640 by 480".into());
        }
        println!(
            "(a PNG of 640 by 480, {} bytes, in {})",
            picture.len(),
            inputs::folder().join("mandelbrot.png").display()
        );
        Ok(())
    }

    /// A job outlives the process that runs it.
    fn outlives_its_worker(&self) -> Result {
        self.expect("module add G/primes.wasm", "primes")?;
        let id = self.expect("run --detach primes 400000000", "-")?;
        self.until(&id, "running")?;
        let worker = format!("work --until-idle --data {}", self.data.display());
        println!("\n$ pkill -9 -f '{worker}'");
        sh::read(&mut command("pkill", ["-9", "-f", &worker]))?;
        self.expect(&format!("status {id}"), "running")?;
        self.expect(&format!("wait {id}"), "completed (attempt 2)")?;
        self.expect(&format!("result {id}"), "21336326").map(|_| ())
    }

    fn until(&self, id: &str, status: &str) -> Result {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            let mut look = command(au_host(), ["status", id]);
            if sh::read(look.env("AU_DATA", &self.data))?.contains(status) {
                return Ok(());
            }
        }
        Err(format!("job {id} was not {status} within 30 s"))
    }

    /// What `cargo xtask new` makes compiles, and runs.
    fn function_of_ones_own(&self) -> Result {
        let dir = target().join("demo/hello");
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(|error| error.to_string())?;
        }
        println!("\n$ cargo xtask new target/demo/hello");
        new::new(&[dir.display().to_string()])?;
        sh::run(guests::clean(cargo("build --release --quiet").current_dir(&dir)))?;
        let wasm = dir.join("target/wasm32-unknown-unknown/release/hello.wasm");
        self.expect(&format!("run {} greet Ada", wasm.display()), "\"Hello, Ada!\"").map(|_| ())
    }

    fn violations(&self) -> Result {
        self.refuse("run G/spin.wasm --timeout 500ms", 124, &["timed-out", "500 ms", "--timeout"])?;
        self.refuse("run --quiet G/hog.wasm --memory 32MiB", 1, &["out-of-memory", "33554432", "--memory"])?;
        self.refuse("run --quiet G/recurse.wasm", 1, &["stack-overflow"])?;
        self.refuse("run G/trap.wasm", 1, &["trap", "unreachable"])?;
        self.refuse("run G/panic.wasm", 1, &["panic", "lib.rs:"])?;
        self.refuse("run G/primes.wasm prime 5", 3, &["did you mean primes?"])?;
        self.refuse("run G/primes.wasm primes five", 2, &["argument 1", "limit"])
    }
}
