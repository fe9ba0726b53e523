use au_guest::async_compute;

#[async_compute]
fn pair((x, y): (u32, u32)) -> u32 {
    x + y
}

#[async_compute]
fn ignored(_: u32) {}

fn main() {}
