use au_guest::async_compute;

#[derive(Debug)]
struct Broken;

#[async_compute]
fn job(x: f64) -> Result<f64, Broken> {
    if x.is_nan() { Err(Broken) } else { Ok(x) }
}

fn main() {}
