use au_guest::async_compute;

#[async_compute]
fn text(text: &str) -> usize {
    text.len()
}

#[async_compute]
fn deeper(texts: Vec<(u32, &[u8])>) -> usize {
    texts.len()
}

#[async_compute]
fn elided(text: std::borrow::Cow<'_, str>) -> usize {
    text.len()
}

fn main() {}
