use au_guest::async_compute;

#[async_compute]
fn job() -> std::fmt::Result {
    Ok(())
}

fn main() {}
