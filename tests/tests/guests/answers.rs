//! Examples that compute, held against what is known by other means.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use au_host::{Context, Event, Events, FailureKind, Level, Payload, Progress, Status};
use au_tests::example::host_of;
use futures::StreamExt;
use serde_json::Value;

use super::{LONG, ask, ask_json, call, failure};

/// 100!, as anybody can look it up.
const FACTORIAL: &str = "93326215443944152681699238856266700490715968264381621468592963895217599993229915608941463976156518286253697920827223758251185210916864000000000000000000000000";

#[tokio::test]
async fn a_hundred_factorial_is_exact_to_its_158_digits() {
    let local = host_of(&["factorial"]).await;
    let handle = local.host().submit(ask_json("factorial", &[100])).await.unwrap();
    assert_eq!(FACTORIAL.len(), 158);
    assert_eq!(handle.typed::<String>().result(LONG).await.unwrap(), FACTORIAL);
    assert_eq!(call::<_, String>(&local, "factorial", &[0]).await, "1");
}

#[tokio::test]
async fn a_number_that_has_no_factorial_is_refused_before_anything_runs() {
    let local = host_of(&["factorial"]).await;
    for arguments in [serde_json::json!([-1]), serde_json::json!([1.5]), serde_json::json!(["x"])] {
        let error = local.host().submit(ask_json("factorial", &arguments)).await.unwrap_err();
        assert_eq!(error.class().code, "invalid");
        assert!(error.to_string().contains("argument 1 `n` of factorial(n: integer)"), "{error}");
    }
    assert!(local.host().list(Default::default(), None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_number_that_is_too_large_is_the_functions_own_refusal() {
    let local = host_of(&["factorial"]).await;
    let refused = failure(local.host().call(ask_json("factorial", &[100_001])).await);
    assert_eq!(refused.kind, FailureKind::InvalidInput);
    assert!(refused.message.contains("n may be at most 100000"), "{refused}");
}

/// Keeps what it hears.
#[derive(Debug, Default)]
struct Ear(Mutex<Vec<Progress>>, Mutex<Vec<String>>);

impl Events for Ear {
    fn log(&self, _: Level, message: String) {
        self.1.lock().unwrap().push(message);
    }

    fn progress(&self, progress: Progress) {
        self.0.lock().unwrap().push(progress);
    }
}

#[tokio::test]
async fn primes_say_how_far_they_are_and_count_right() {
    let local = host_of(&["primes"]).await;
    let ear = Arc::new(Ear::default());
    let context = Context { events: Arc::clone(&ear) as _, ..Context::default() };
    let report = local.host().call_in(ask_json("primes", &[1_000_000]), &context).await.unwrap();
    assert_eq!(report.outcome.unwrap().bytes()[..], *b"78498");

    let heard = ear.0.lock().unwrap();
    // A segment has 65,536 numbers, so there are 16.
    assert_eq!(heard.len(), 16);
    assert!(heard.is_sorted_by(|one, next| one.done < next.done), "{heard:?}");
    assert_eq!(heard.last(), Some(&Progress { done: 1.0, note: "sieving".into() }));
    assert_eq!(*ear.1.lock().unwrap(), ["sieving up to 1000000 with 168 small primes"]);
}

#[tokio::test]
async fn the_progress_and_log_of_a_job_are_among_its_events() {
    let local = host_of(&["primes"]).await;
    let handle = local.host().submit(ask_json("primes", &[20_000_000])).await.unwrap();
    let events: Vec<_> = handle.events().map(Result::unwrap).collect().await;
    assert!(events.iter().any(|event| matches!(event, Event::Progress(progress) if progress.note == "sieving")));
    assert!(events.iter().any(|event| matches!(event, Event::Log(line) if line.message.starts_with("sieving up to"))));
    assert!(matches!(events.last(), Some(Event::Status(job)) if job.status == Status::Completed));
    assert_eq!(handle.progress().await.unwrap().unwrap().done, 1.0);
    assert_eq!(handle.result(LONG).await.unwrap().bytes()[..], *b"1270607");
}

/// Some megabytes of words, frequent ones among them, with capitals, digits, umlauts and dashes.
fn text() -> String {
    const WORDS: [&str; 16] = [
        "the", "The", "of", "and", "worker", "lease", "Größe", "größe", "2026", "naïve", "α", "job", "handle", "crash",
        "don", "x",
    ];
    const BREAKS: [&str; 5] = [" ", " ", ", ", " — ", ".\n"];
    let mut text = String::new();
    let mut state = 1_u64;
    while text.len() < 3 << 20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let drawn = (state >> 33) as usize;
        text.push_str(WORDS[(drawn % WORDS.len()).min(drawn / 16 % WORDS.len())]);
        text.push_str(BREAKS[drawn / 256 % BREAKS.len()]);
    }
    text
}

#[tokio::test]
async fn the_words_of_some_megabytes_are_counted_each() {
    let local = host_of(&["wordcount"]).await;
    let text = text();
    let mut counts: HashMap<String, u64> = HashMap::new();
    for word in text.split([' ', ',', '—', '.', '\n']).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    let input = Payload::new("text/plain; charset=utf-8", text).unwrap();
    let output: Value = local.host().call(ask("wordcount", input)).await.unwrap().from_json().unwrap();
    assert_eq!(output["total"], counts.values().sum::<u64>());
    assert_eq!(output["distinct"], counts.len());
    let top: Vec<(String, u64)> = serde_json::from_value(output["top"].clone()).unwrap();
    assert_eq!(top.len(), counts.len().min(20));
    assert!(top.iter().all(|(word, count)| counts[word] == *count));
    assert!(top.is_sorted_by(|one, next| one.1 >= next.1));
    assert_eq!(top[0].0, "the");
}

#[tokio::test]
async fn a_picture_is_a_png_that_shows_the_set() {
    let local = host_of(&["mandelbrot"]).await;
    let output = local.host().call(ask_json("mandelbrot", &(160, 120))).await.unwrap();
    assert_eq!(output.content_type(), "image/png");
    assert!(output.bytes().starts_with(b"\x89PNG\r\n\x1a\n"));

    let mut picture = png::Decoder::new(std::io::Cursor::new(output.bytes())).read_info().unwrap();
    let header = picture.info();
    assert_eq!((header.width, header.height), (160, 120));
    assert_eq!((header.color_type, header.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Eight));
    let mut pixels = vec![0; picture.output_buffer_size().unwrap()];
    picture.next_frame(&mut pixels).unwrap();
    assert_eq!(pixels.len(), 160 * 120);

    let at = |x: usize, y: usize| pixels[y * 160 + x];
    assert_eq!(at(80, 60), 0, "the middle is in the set");
    assert!(at(0, 0) > 200, "a corner is far from it: {}", at(0, 0));
    assert!((1..120).all(|y| (0..160).all(|x| at(x, y) == at(x, 120 - y))), "above is as below");
    assert!(pixels.iter().collect::<BTreeSet<_>>().len() > 10, "its edge has shades");
}

#[tokio::test]
async fn a_picture_of_no_size_is_refused() {
    let local = host_of(&["mandelbrot"]).await;
    let refused = failure(local.host().call(ask_json("mandelbrot", &(0, 10_000))).await);
    assert_eq!(refused.kind, FailureKind::InvalidInput);
    assert!(refused.message.contains("1 to 8192, not 0 and 10000"), "{refused}");
}

#[tokio::test]
async fn a_seed_decides_an_estimate() {
    let local = host_of(&["montecarlo"]).await;
    let first: Value = call(&local, "montecarlo", &(100_000, 7)).await;
    let again: Value = call(&local, "montecarlo", &(100_000, 7)).await;
    let other: Value = call(&local, "montecarlo", &(100_000, 8)).await;
    assert_eq!(first, again);
    assert_ne!(first, other);
    let (pi, error) = (first["pi"].as_f64().unwrap(), first["error"].as_f64().unwrap());
    assert!((pi - std::f64::consts::PI).abs() < 5.0 * error, "{pi} ± {error}");
    let unseeded: Value = call(&local, "montecarlo", &[1000]).await;
    assert_eq!(unseeded, call::<_, Value>(&local, "montecarlo", &(1000, 0)).await);
}

#[tokio::test]
async fn bytes_come_back_from_the_smallest_guest_as_they_went() {
    let local = host_of(&["trivial"]).await;
    for size in [0, 1, 200, 1 << 20] {
        let bytes: Vec<u8> = (0..size).map(|at: u32| at as u8).collect();
        let input = Payload::new(au_host::OCTETS, bytes.clone()).unwrap();
        let output = local.host().call(ask("trivial", input)).await.unwrap();
        assert_eq!((output.content_type(), &output.bytes()[..]), (au_host::OCTETS, &bytes[..]));
    }
}
