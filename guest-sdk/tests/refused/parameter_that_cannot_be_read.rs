use au_guest::async_compute;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
struct Point {
    x: f64,
}

#[async_compute]
fn job(scale: f64, points: Vec<Point>) -> f64 {
    points.iter().map(|point| point.x * scale).sum()
}

fn main() {}
