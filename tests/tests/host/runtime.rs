//! A host does its work on the runtime it was built on, whoever asks it from wherever.

use std::sync::Arc;
use std::time::Duration;

use au_host::Status;
use tokio::runtime::{Builder, Runtime};

use crate::puppet::Puppet;
use crate::{LONG, ask, builder, in_time, memory};

fn short_lived() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_job_outlives_the_runtime_that_submitted_it() {
    let (runtime, puppet) = (Runtime::new().unwrap(), Puppet::new());
    let host = runtime.block_on(builder(memory(), &puppet).build()).unwrap();
    let caller = short_lived();
    let handle = caller.block_on(host.submit(ask("held"))).unwrap();
    drop(caller);
    puppet.let_go();
    assert_eq!(runtime.block_on(handle.wait(LONG)).unwrap().status, Status::Completed);
}

#[test]
fn a_host_whose_runtime_is_gone_can_still_be_shut_down() {
    let (store, puppet) = (memory(), Puppet::new());
    let runtime = Runtime::new().unwrap();
    let host = runtime.block_on(builder(Arc::clone(&store), &puppet).build()).unwrap();
    runtime.block_on(host.submit(ask("held"))).unwrap();
    runtime.shutdown_timeout(LONG);
    short_lived().block_on(in_time("the shutdown", host.shutdown(Duration::ZERO))).unwrap();
}
