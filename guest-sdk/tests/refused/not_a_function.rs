use au_guest::async_compute;

#[async_compute]
struct Job;

fn main() {}
