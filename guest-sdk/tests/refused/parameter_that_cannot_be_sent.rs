use au_guest::async_compute;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Point {
    x: f64,
}

#[async_compute]
fn job(scale: f64, point: Point) -> f64 {
    point.x * scale
}

fn main() {}
