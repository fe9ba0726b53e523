use au_guest::async_compute;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Point {
    x: f64,
}

#[async_compute]
fn job(scale: f64, point: Point) -> f64 {
    point.x * scale
}

fn main() {}
