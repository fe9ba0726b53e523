use au_guest::async_compute;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Point {
    x: f64,
}

#[async_compute]
fn job(x: f64) -> Point {
    Point { x }
}

fn main() {}
