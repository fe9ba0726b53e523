use au_guest::async_compute;

type Answer = Result<u32, String>;

#[async_compute]
fn job() -> Answer {
    Err("this would be an output".into())
}

fn main() {}
