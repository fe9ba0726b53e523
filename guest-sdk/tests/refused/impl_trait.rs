use au_guest::async_compute;

#[async_compute]
fn given(numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.sum()
}

#[async_compute]
fn gives() -> Vec<impl std::fmt::Display> {
    vec![1, 2]
}

fn main() {}
