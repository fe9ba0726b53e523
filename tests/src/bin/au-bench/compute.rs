//! What computes: in a child process, where code never looks whether it is to stop, beside a sandbox in this process.

use au_host::backend::Backends;
use au_host::{JSON, Local, LocalConfig, ModuleRef, Payload, Request};
use au_tests::example::host_as;
use au_tests::guest;
use tokio::runtime::Runtime;

use crate::measure::{Effort, in_turns, shown, wall};
use crate::table::{Limit, Row, Table};

const TURNS: usize = 40;
const CALLS: [(&str, &str, &str); 3] = [
    ("compute in `process:` beside `wasm:`, a sieve of primes", "primes", "[20000000]"),
    ("the same, the Mandelbrot set", "mandelbrot", "[400, 400]"),
    ("the same, random numbers", "montecarlo", "[3000000, 1]"),
];

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let [inside, child] = ["wasm:", "process:?workers=1"].map(Ours::open);
    for (figure, function, input) in CALLS {
        let turns = effort.of_usual(TURNS);
        let [inside, child] =
            in_turns(turns, [&mut || inside.time(function, input), &mut || child.time(function, input)]);
        let beside = format!("{} beside {}", shown(child.median()), shown(inside.median()));
        table.add(Row::ratio(figure, child.over(&inside), Limit::None, beside));
    }
}

struct Ours {
    runtime: Runtime,
    local: Local,
}

impl Ours {
    fn open(backend: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let mut backends = Backends::default();
        backends.rest.url = backend.parse().expect("a backend");
        let config = LocalConfig { backends, compiler: Some(guest::compiler()), ..LocalConfig::default() };
        let local = runtime.block_on(host_as(config, &CALLS.map(|(_, function, _)| function)));
        Self { runtime, local }
    }

    /// Seconds of a call.
    fn time(&self, function: &str, input: &str) -> f64 {
        let module = ModuleRef::Name(function.parse().expect("a name"));
        let request = Request::new(module, function, Payload::new(JSON, input.as_bytes().to_vec()).expect("a payload"));
        let call = || drop(self.runtime.block_on(self.local.host().call(request.clone())).expect("an answer"));
        wall(call).as_secs_f64()
    }
}
