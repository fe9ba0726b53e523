use au_guest::async_compute;

#[async_compute(retries = 3)]
fn job() {}

fn main() {}
