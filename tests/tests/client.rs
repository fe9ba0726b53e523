//! Typed calls (feature `client` of the SDK): a function of a guest's crate, called as a function of this one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use ::factorial::{Natural, factorial};
use au_guest::{Bytes, Payload, async_compute};
use au_host::{Error, FailureKind, Handle, ModuleRef, Output};
use au_tests::example::host_of;
use au_tests::guest::config;
use num_bigint::BigUint;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(120);

fn product(n: u32) -> BigUint {
    (1..=n).map(BigUint::from).product()
}

#[tokio::test]
async fn a_function_is_submitted_as_it_is_called() {
    let local = host_of(&["factorial"]).await;
    let handle: Handle<Natural> = factorial::submit(local.host(), 100).await.unwrap();
    let Natural(number) = handle.result(LONG).await.unwrap();
    assert_eq!(number, product(100));
    assert_eq!(factorial(100).unwrap(), Natural(number), "the same function, here");

    let job = handle.metadata().await.unwrap();
    assert_eq!((&*job.function, job.options.module_name.as_deref()), ("factorial", Some("factorial")));
}

#[tokio::test]
async fn a_call_gives_the_output_and_keeps_nothing() {
    let local = host_of(&["factorial"]).await;
    assert_eq!(factorial::call(local.host(), 20).await.unwrap(), Natural(product(20)));
    assert!(local.host().list(Default::default(), None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_host_elsewhere_takes_the_same_calls() {
    use au_host::http::{HttpConfig, Server};
    let local = std::sync::Arc::new(host_of(&["factorial"]).await);
    let config = HttpConfig { listen: "127.0.0.1:0".parse().unwrap(), ..HttpConfig::default() };
    let server = Server::bind(config).await.unwrap();
    let client = au_host::Client::new(&server.url(), au_host::ClientConfig::default()).unwrap();
    let serving = tokio::spawn(server.serve(local, Default::default(), LONG));
    assert_eq!(factorial::submit(&client, 100).await.unwrap().result(LONG).await.unwrap(), Natural(product(100)));
    assert_eq!(factorial::call(&client, 20).await.unwrap(), Natural(product(20)));
    serving.abort();
}

#[tokio::test]
async fn a_request_can_be_changed_before_it_is_submitted() {
    let local = host_of(&["factorial"]).await;
    let mut request = factorial::request(5000).unwrap();
    request.sandbox.fuel = Some(10_000);
    request.labels.insert("why".into(), "to see".into());
    let handle = local.host().submit(request).await.unwrap().typed::<Natural>();
    let Err(Error::Failed(failure)) = handle.result(LONG).await else { panic!("so little fuel does not do") };
    assert_eq!((failure.kind, failure.limit.unwrap().value), (FailureKind::OutOfFuel, 10_000));
    assert_eq!(handle.metadata().await.unwrap().options.labels["why"], "to see");
}

#[tokio::test]
async fn a_functions_error_is_a_failure_with_its_message() {
    let local = host_of(&["factorial"]).await;
    let Err(Error::Failed(failure)) = factorial::call(local.host(), 100_001).await else { panic!("it is too much") };
    assert_eq!(failure.kind, FailureKind::InvalidInput);
    assert_eq!(failure.message, factorial(100_001).unwrap_err().to_string());
}

#[tokio::test]
async fn a_host_without_the_module_says_which_is_missing() {
    let local = au_host::Local::temporary(config()).await.unwrap();
    let error = factorial::submit(local.host(), 5).await.unwrap_err();
    assert!(matches!(&error, Error::NotFound { what: "module", name, .. } if name == "factorial"), "{error}");
    let error = factorial::call(local.host(), 5).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn a_module_without_the_function_says_so() {
    let local = host_of(&["primes"]).await;
    let primes = local.module(&"primes".parse().unwrap()).await.unwrap();
    local.alias(&"factorial".parse().unwrap(), primes.digest).await.unwrap();
    let error = factorial::submit(local.host(), 5).await.unwrap_err();
    assert!(matches!(&error, Error::NotFound { what: "function", .. }), "{error}");
}

/// Parameters called as what the generated code uses.
#[async_compute]
fn awkward(host: u32, input: String, module: Option<u32>, request: (), arguments: Vec<u8>, r#type: bool) -> u32 {
    let _ = (input, module, request, arguments, r#type);
    host
}

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Private {
    number: u64,
}

/// Public, of a private type.
#[async_compute]
#[expect(private_interfaces, reason = "that is what is tried")]
pub fn r#match(value: Private) -> Result<Private, String> {
    Ok(value)
}

#[async_compute]
fn nothing_at_all() {}

#[async_compute]
fn picture(of: Bytes) -> Payload {
    Payload::new("image/x-dot", of.0)
}

#[async_compute]
#[expect(clippy::too_many_arguments, reason = "that is what is tried")]
fn many(
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
    m: u8,
    n: u8,
    o: u8,
    p: u8,
    q: u8,
    r: i128,
) -> i128 {
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q].into_iter().map(i128::from).sum::<i128>() + r
}

fn asks(request: au_host::Result<au_host::Request>) -> (String, Value) {
    let request = request.unwrap();
    assert_eq!(request.module, ModuleRef::Name("client".parse().unwrap()), "it is called as this crate is");
    (request.function, request.input.from_json().unwrap())
}

#[test]
fn parameters_and_functions_may_have_any_names() {
    let (function, input) = asks(awkward::request(1, "two".into(), None, (), vec![5], true));
    assert_eq!((&*function, input), ("awkward", json!([1, "two", null, null, [5], true])));
    let (function, input) = asks(r#match::request(Private { number: u64::MAX }));
    assert_eq!((&*function, input), ("match", json!([{ "number": u64::MAX }])));
    assert_eq!(asks(nothing_at_all::request()), ("nothing_at_all".into(), json!([])));
}

#[test]
fn there_may_be_any_number_of_parameters_and_they_keep_every_bit() {
    let request = many::request(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, i128::MIN).unwrap();
    let output = au_guest::call("many", request.input.content_type(), request.input.bytes()).unwrap();
    assert_eq!(output.bytes, (i128::MIN + 17).to_string().into_bytes());
}

#[test]
fn an_argument_that_json_cannot_write_is_an_error_and_not_a_panic() {
    #[async_compute]
    fn keyed(map: std::collections::BTreeMap<Vec<u8>, u8>) {
        let _ = map;
    }
    let error = keyed::request([(vec![1], 1)].into()).unwrap_err();
    assert_eq!(error.class().code, "invalid");
    assert!(error.to_string().contains("argument"), "{error}");
}

#[test]
fn an_output_of_another_media_type_is_read_as_it_is() {
    assert_eq!(asks(picture::request(Bytes(vec![7]))), ("picture".into(), json!([[7]])));
    let output = au_host::Payload::new("image/x-dot", vec![7]).unwrap();
    assert_eq!(Payload::read(&output).unwrap(), Payload::new("image/x-dot", [7]));
}

/// A job's future can be spawned: it may move between threads.
#[test]
fn a_submit_may_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    fn all(host: &au_host::Host) {
        moves(&factorial::submit(host, 1));
        moves(&factorial::call(host, 1));
    }
    let _ = all;
}
