use au_guest::async_compute;

#[async_compute]
unsafe fn job() {}

fn main() {}
