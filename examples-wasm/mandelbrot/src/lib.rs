//! Draws the Mandelbrot set as a PNG.

use au_guest::{Failure, Payload, async_compute, progress};

const LARGEST: u32 = 8192;
const STEPS: u32 = 200;

/// The Mandelbrot set as a PNG of this many pixels.
#[async_compute]
pub fn mandelbrot(width: u32, height: u32) -> Result<Payload, Failure> {
    if !(1..=LARGEST).contains(&width) || !(1..=LARGEST).contains(&height) {
        return Err(Failure::invalid_input(format!(
            "width and height may be 1 to {LARGEST}, not {width} and {height}"
        )));
    }
    let mut pixels = Vec::with_capacity((width * height) as usize);
    for y in 0..height {
        pixels.extend((0..width).map(|x| shade(steps(point(x, y, width, height)))));
        progress(y as f32 / height as f32, "drawing");
    }
    encode(width, height, &pixels)
        .map(|bytes| Payload::new("image/png", bytes))
        .map_err(|error| Failure::failed(error.to_string()))
}

fn point(x: u32, y: u32, width: u32, height: u32) -> (f64, f64) {
    let scale = f64::max(3.0 / f64::from(width), 2.4 / f64::from(height));
    let centred = |at: u32, size: u32| (f64::from(at) - f64::from(size) / 2.0) * scale;
    (centred(x, width) - 0.6, centred(y, height))
}

/// How long the point stays near, if it leaves at all.
fn steps((cx, cy): (f64, f64)) -> Option<u32> {
    let (mut x, mut y) = (0.0, 0.0);
    (0..STEPS).find(|_| {
        (x, y) = (x * x - y * y + cx, 2.0 * x * y + cy);
        x * x + y * y > 4.0
    })
}

fn shade(steps: Option<u32>) -> u8 {
    steps.map_or(0, |steps| 255 - (f64::from(steps) / f64::from(STEPS)).sqrt().mul_add(220.0, 0.0) as u8)
}

fn encode(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_png_of_that_size() {
        let picture = mandelbrot(64, 48).unwrap();
        assert_eq!(picture.content_type, "image/png");
        assert!(picture.bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert_eq!(picture.bytes[16..24], [0, 0, 0, 64, 0, 0, 0, 48]);
    }

    #[test]
    fn the_origin_is_in_the_set_and_far_away_is_not() {
        assert_eq!(steps((0.0, 0.0)), None);
        assert_eq!(steps((3.0, 3.0)), Some(0));
        assert!(matches!(mandelbrot(0, 1), Err(Failure::InvalidInput(_))));
    }
}
