use au_guest::async_compute;

#[async_compute]
fn kind<T>(value: T) -> u32 {
    std::mem::size_of_val(&value) as u32
}

#[async_compute]
fn lifetime<'a>(text: std::borrow::Cow<'a, str>) -> usize {
    text.len()
}

fn main() {}
