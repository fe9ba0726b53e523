use au_guest::async_compute;

#[async_compute]
extern "C" fn job() {}

fn main() {}
