use au_guest::async_compute;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Point {
    x: f64,
}

#[async_compute]
fn plain(x: f64) -> Point {
    Point { x }
}

#[async_compute]
fn fallible(x: f64) -> Result<Point, String> {
    Ok(Point { x })
}

fn main() {}
