//! Calls: what the host costs beside wasmtime, on one thread and on two.

use std::sync::{Arc, Barrier};

use au_host::backend::wasm::WasmConfig;
use au_host::{Local, LocalConfig, ModuleRef, OCTETS, Payload, Request};
use au_tests::guest;
use tokio::runtime::Runtime;

use crate::bare::Bare;
use crate::measure::{Effort, Sample, in_turns, on_core, shown, wall};
use crate::table::{Limit, Row, Table};

/// Calls of one turn.
const CALLS: usize = 500;
const TURNS: usize = 200;
const INPUT: [u8; 200] = [b'x'; 200];

pub(crate) fn measure(effort: Effort, table: &mut Table) {
    let bare = Bare::new(&guest::guest());
    let ours = Ours::open(LocalConfig::default());
    one_thread(effort, table, &bare, &ours);
    let others = Bare::new(&guest::guest());
    let one_engine =
        Ours::open(LocalConfig { wasm: WasmConfig { threads: 1, ..WasmConfig::default() }, ..LocalConfig::default() });
    two_threads(effort, table, &Two { shared: bare, own: others, ours, one_engine });
}

/// A host with the guest in it.
pub(crate) struct Ours {
    pub(crate) runtime: Runtime,
    pub(crate) local: Local,
    pub(crate) by_name: Request,
    pub(crate) by_digest: Request,
}

impl Ours {
    pub(crate) fn open(config: LocalConfig) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let config = LocalConfig { compiler: Some(guest::compiler()), ..config };
        let local = runtime.block_on(guest::local(config));
        let name = ModuleRef::Name(guest::alias());
        let digest = runtime.block_on(local.module(&name)).expect("the guest").digest;
        let input = Payload::new(OCTETS, INPUT.to_vec()).expect("a payload");
        let request = |module| Request::new(module, "echo", input.clone());
        let (by_name, by_digest) = (request(name), request(ModuleRef::Digest(digest)));
        Self { runtime, local, by_name, by_digest }
    }

    fn calls(&self, request: &Request) {
        self.runtime.block_on(async {
            for _ in 0..CALLS {
                let output = self.local.host().call(request.clone()).await.expect("an echo");
                assert_eq!(output.len(), INPUT.len() as u64);
            }
        });
    }
}

fn calls(bare: &Bare) {
    for _ in 0..CALLS {
        assert_eq!(bare.echo(&INPUT).len(), INPUT.len());
    }
}

fn one_thread(effort: Effort, table: &mut Table, bare: &Bare, ours: &Ours) {
    let [base, digest, name] = in_turns(
        effort.of_usual(TURNS),
        [&mut || on_core(|| calls(bare)), &mut || on_core(|| ours.calls(&ours.by_digest)), &mut || {
            on_core(|| ours.calls(&ours.by_name))
        }],
    );
    let each = |sample: &Sample| shown(sample.median() / CALLS as f64);
    let beside = |sample| format!("{} beside {} of a bare wasmtime loop, on a core", each(sample), each(&base));
    let most = Limit::AtMost(1.3);
    table.add(Row::ratio("call, fresh sandbox, 200 B echo", digest.over(&base), most, beside(&digest)));
    table.add(Row::ratio("the same, the module by name", name.over(&base), Limit::None, beside(&name)));
}

struct Two {
    shared: Bare,
    own: Bare,
    ours: Ours,
    one_engine: Ours,
}

fn two_threads(effort: Effort, table: &mut Table, two: &Two) {
    let Two { shared, own, ours, one_engine } = two;
    let bare = |second: &Bare| rate([&|| calls(shared), &|| calls(second)]);
    let host = |ours: &Ours| rate([&|| ours.calls(&ours.by_digest), &|| ours.calls(&ours.by_digest)]);
    let [one, each, host_one, host_each] = in_turns(
        effort.of_usual(TURNS / 4),
        [&mut || bare(shared), &mut || bare(own), &mut || host(one_engine), &mut || host(ours)],
    );
    let per_second = |sample: &Sample| format!("{:.0} k/s", sample.median() / 1e3);
    let best = if each.median() > one.median() { &each } else { &one };
    let beside = |sample| format!("{} beside {} of a bare loop", per_second(sample), per_second(best));
    let figure = "calls on 2 threads, an engine each";
    table.add(Row::ratio(figure, host_each.over(best), Limit::AtLeast(0.7), beside(&host_each)));
    let figure = "the same, one engine for both";
    table.add(Row::ratio(figure, host_one.over(best), Limit::None, beside(&host_one)));
    let figure = "bare loop on 2 threads, an engine each beside one";
    let beside = format!("{} beside {}", per_second(&each), per_second(&one));
    table.add(Row::ratio(figure, each.over(&one), Limit::None, beside));
}

/// Calls per second of two threads that begin together.
fn rate(sides: [&(dyn Fn() + Sync); 2]) -> f64 {
    const ROUNDS: usize = 5;
    let barrier = Arc::new(Barrier::new(sides.len()));
    let took: Sample = std::thread::scope(|scope| {
        let threads = sides.map(|side| {
            let barrier = barrier.clone();
            scope.spawn(move || {
                side();
                barrier.wait();
                wall(|| (0..ROUNDS).for_each(|_| side())).as_secs_f64()
            })
        });
        threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    (sides.len() * ROUNDS * CALLS) as f64 / took.quantile(1.0)
}
