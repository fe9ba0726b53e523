use au_guest::async_compute;

#[async_compute]
async fn job() {}

fn main() {}
