use au_guest::async_compute;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
struct Point {
    x: f64,
}

#[async_compute]
fn job(x: f64) -> Point {
    Point { x }
}

fn main() {}
