use au_guest::async_compute;

#[async_compute]
fn plain() -> &'static str {
    "x"
}

#[async_compute]
fn fallible() -> Result<Vec<&'static str>, String> {
    Ok(vec!["x"])
}

fn main() {}
