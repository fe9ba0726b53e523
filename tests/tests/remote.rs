//! `Client`: the same verbs and the same handles as of a host in this process, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use au_host::http::{Auth, HttpConfig, HttpLimits, Server, TlsFiles};
use au_host::middleware::rate_limit::{Rate, RateLimit};
use au_host::store::Filter;
use au_host::{
    Client, ClientConfig, Error, Event, Front, IdempotencyKey, JobId, KeyHolds, Local, LocalConfig, Misuse, NewToken,
    Payload, Quota, Quotas, Request, Scope, Status,
};
use au_tests::guest::{self, alias, ask};
use futures::StreamExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(120);

struct Served {
    local: Arc<Local>,
    client: Client,
    drain: CancellationToken,
    serving: JoinHandle<()>,
}

async fn served() -> Served {
    served_with(|_| {}).await
}

async fn served_with(change: impl FnOnce(&mut HttpLimits)) -> Served {
    let local = Arc::new(guest::local(guest::config()).await);
    let (client, drain, serving) = on(&local, "127.0.0.1:0", change).await;
    Served { local, client, drain, serving }
}

async fn on(
    local: &Arc<Local>,
    listen: &str,
    change: impl FnOnce(&mut HttpLimits),
) -> (Client, CancellationToken, JoinHandle<()>) {
    let listen = listen.parse().unwrap();
    let (url, drain, serving) = at(local, |config| {
        config.listen = listen;
        change(&mut config.limits);
    })
    .await;
    (Client::new(&url, ClientConfig::default()).unwrap(), drain, serving)
}

/// Where a server of this host is, on a port of its own unless it is changed to be elsewhere.
async fn at(local: &Arc<Local>, change: impl FnOnce(&mut HttpConfig)) -> (String, CancellationToken, JoinHandle<()>) {
    let mut config = HttpConfig { listen: "127.0.0.1:0".parse().unwrap(), ..HttpConfig::default() };
    change(&mut config);
    let server = Server::bind(config).await.unwrap();
    let (url, drain) = (server.url(), CancellationToken::new());
    let serving = server.serve(Arc::clone(local), drain.clone(), Duration::from_secs(1));
    (url, drain, tokio::spawn(async { serving.await.unwrap() }))
}

/// A token of this host for the tenant `acme`, to read and submit.
async fn token(local: &Local) -> String {
    let scopes = [Scope::Read, Scope::Submit].into();
    let new = NewToken { name: "test".into(), tenant: Some("acme".into()), scopes, lasts: None };
    local.host().tokens().create(new).await.unwrap().1.reveal().to_owned()
}

fn client_with(url: &str, token: Option<&str>) -> Client {
    Client::new(url, ClientConfig { token: token.map(str::to_owned), ..ClientConfig::default() }).unwrap()
}

#[track_caller]
fn same(there: &Error, here: &Error) {
    assert_eq!((there.to_string(), there.class()), (here.to_string(), here.class()));
}

#[tokio::test]
async fn a_handle_from_elsewhere_says_what_one_from_here_says() {
    let Served { local, client, .. } = served().await;
    let there = client.submit(ask("log", 3)).await.unwrap();
    let here = local.host().handle(there.id());
    assert_eq!(there.result(LONG).await.unwrap(), here.result(LONG).await.unwrap());
    assert_eq!(there.wait(LONG).await.unwrap(), here.wait(LONG).await.unwrap());
    assert_eq!(there.metadata().await.unwrap(), here.metadata().await.unwrap());
    assert_eq!(there.job().await.unwrap(), here.job().await.unwrap());
    assert_eq!(there.logs(1, 10).await.unwrap(), here.logs(1, 10).await.unwrap());
    assert!(there.is_ready().await.unwrap());
    let events = |handle: &au_host::Handle| handle.events().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(events(&there).await, events(&here).await);
}

#[tokio::test]
async fn errors_are_those_of_the_host() {
    let Served { local, client, .. } = served().await;
    let nobody: JobId = "01a210e6-75f6-745d-a226-d83f096fd45d".parse().unwrap();
    let (there, here) = (client.handle(nobody), local.host().handle(nobody));
    let same = |there: Error, here: Error| same(&there, &here);
    same(there.status().await.unwrap_err(), here.status().await.unwrap_err());
    same(there.result(LONG).await.unwrap_err(), here.result(LONG).await.unwrap_err());
    same(there.logs(0, 1).await.unwrap_err(), here.logs(0, 1).await.unwrap_err());
    same(there.cancel("x").await.unwrap_err(), here.cancel("x").await.unwrap_err());
    let mut large = ask("echo", 1);
    large.sandbox.memory = Some(1 << 50);
    for request in [ask("ecko", 1), ask("fail", 1), ask("unreachable", 1), large] {
        same(client.call(request.clone()).await.unwrap_err(), local.host().call(request).await.unwrap_err());
    }
    let Err(Error::NotFound { what: "function", nearest, .. }) = client.call(ask("ecko", 1)).await else { panic!() };
    assert_eq!(nearest.as_deref(), Some("echo"));
    let failed = client.submit(ask("fail", 1)).await.unwrap();
    same(failed.result(LONG).await.unwrap_err(), local.host().handle(failed.id()).result(LONG).await.unwrap_err());
    same(failed.cancel("x").await.unwrap_err(), Error::Finished(failed.id()));
    let Err(Error::Module { code, .. }) = client.add_module((&b"hello"[..]).into()).await else { panic!() };
    assert_eq!(code, "text_refused");
}

#[tokio::test]
async fn a_quota_and_a_rate_are_those_of_the_host_too() {
    let rate = Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN };
    let quotas = Quotas { usual: Quota { queued: NonZeroU64::new(1), ..Quota::default() }, ..Quotas::default() };
    let config = LocalConfig { quotas, middleware: vec![Arc::new(RateLimit::new(rate))], ..guest::config() };
    let local = Arc::new(guest::local(config).await);
    let (url, _drain, _serving) = at(&local, |config| config.auth = Auth::Required).await;
    let client = client_with(&url, Some(&token(&local).await));
    // Each function has a rate of its own, one that is not there too.
    let late = |function: &str| Request { run_at: Some(au_host::Clock::system().now().plus(LONG)), ..ask(function, 1) };
    client.submit(late("echo")).await.unwrap();
    let there = client.submit(late("log")).await.unwrap_err();
    let here = Request { principal: Some("acme".into()), ..late("fail") };
    same(&there, &local.host().submit(here).await.unwrap_err());
    let Error::Quota { name: "queued", limit: 1, retry_after, .. } = there else { panic!("{there}") };
    assert!(retry_after > Duration::from_secs(1), "as long as Retry-After says: {retry_after:?}");
    let there = loop {
        if let Err(refused) = client.call(ask("spell", 1)).await
            && refused.class().code != "not_found"
        {
            break refused;
        }
    };
    assert_eq!(there.class().code, "rate_limited", "{there}");
    assert!(there.to_string().starts_with("callers of spell may ask for 1 a second, and 1 at once"), "{there}");
}

#[tokio::test]
async fn a_token_opens_a_host_that_wants_one_and_a_wrong_one_is_a_401() {
    let local = Arc::new(guest::local(guest::config()).await);
    let (url, _drain, _serving) = at(&local, |config| config.auth = Auth::Required).await;
    let token = token(&local).await;
    let client = client_with(&url, Some(&token));
    let there = client.submit(ask("log", 3)).await.unwrap();
    let here = local.host().handle(there.id());
    assert_eq!(there.result(LONG).await.unwrap(), here.result(LONG).await.unwrap());
    assert_eq!(there.metadata().await.unwrap().options.principal.as_deref(), Some("acme"));
    let events: Vec<_> = there.events().map(Result::unwrap).collect().await;
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Log(_))).count(), 3, "{events:?}");
    for wrong in [None, Some("au_of_another_host"), Some(&token[..token.len() - 1])] {
        let client = client_with(&url, wrong);
        let of_events = client.handle(there.id()).events().next().await.unwrap().unwrap_err();
        for refused in [client.submit(ask("echo", 1)).await.unwrap_err(), of_events] {
            assert!(matches!(refused, Error::Remote { status: 401, .. }), "{refused}");
            assert_eq!(refused.class().exit, 4);
        }
    }
    assert_eq!(local.host().list(Filter::default(), None, 10).await.unwrap().len(), 1, "nothing of it was kept");
}

#[tokio::test]
async fn over_tls_a_host_is_known_by_the_certificate_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let certificate = Some(files.certificate.clone());
    let local = Arc::new(guest::local(guest::config()).await);
    let (url, _drain, _serving) = at(&local, |config| config.tls = Some(files)).await;
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let client = Client::new(&url, ClientConfig { certificate, ..ClientConfig::default() }).unwrap();
    let handle = client.submit(ask("log", 3)).await.unwrap();
    assert_eq!(handle.result(LONG).await.unwrap().bytes(), &3_u32.to_le_bytes()[..]);
    assert_eq!(handle.events().filter(|event| std::future::ready(matches!(event, Ok(Event::Log(_))))).count().await, 3);
    let stranger = Client::new(&url, ClientConfig { tries: 1, ..ClientConfig::default() }).unwrap();
    let error = stranger.submit(ask("echo", 1)).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.chain().contains("certificate"), "{}", error.chain());
}

#[tokio::test]
async fn a_wait_that_runs_out_leaves_the_job_alone_and_a_cancel_stops_it() {
    let Served { client, .. } = served().await;
    let handle = client.submit(ask("spin", 0)).await.unwrap();
    let late = handle.wait(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(late, Error::WaitTimedOut { .. }), "{late}");
    let unfinished = client.remove(&[handle.id()]).await.unwrap_err();
    assert!(matches!(unfinished, Error::Refused { .. }), "{unfinished}");
    handle.cancel("no need").await.unwrap();
    let Err(Error::Cancelled { reason, .. }) = handle.result(LONG).await else { panic!() };
    assert_eq!(reason, "no need");
    assert_eq!(client.remove(&[handle.id()]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_host_that_waits_for_less_is_asked_for_less() {
    let Served { client, .. } = served_with(|limits| limits.wait = Duration::from_millis(200)).await;
    assert_eq!(
        client.submit(ask("echo", 7)).await.unwrap().result(LONG).await.unwrap().bytes(),
        &7_u32.to_le_bytes()[..]
    );
}

#[tokio::test]
async fn events_go_on_where_the_stream_broke_off() {
    let Served { client, .. } = served_with(|limits| limits.stream = Duration::from_millis(100)).await;
    let mut request = ask("log", 3);
    request.run_at = Some(au_host::Clock::system().now().plus(Duration::from_millis(500)));
    let events: Vec<_> = client.submit(request).await.unwrap().events().map(Result::unwrap).collect().await;
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Log(_))).count(), 3, "{events:?}");
    let Some(Event::Status(last)) = events.last() else { panic!("{events:?}") };
    assert_eq!(last.status, Status::Completed);
}

#[tokio::test]
async fn a_follower_stays_while_its_host_is_started_anew() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("socket").display());
    let local = Arc::new(guest::local(guest::config()).await);
    let (client, drain, serving) = on(&local, &socket, |_| {}).await;
    let handle = client.submit(ask("spin", 0)).await.unwrap();
    let mut events = handle.events();
    assert!(matches!(events.next().await, Some(Ok(Event::Status(_)))));
    drain.cancel();
    serving.await.unwrap();
    let (_again, _drain, _serving) = on(&local, &socket, |_| {}).await;
    handle.cancel("enough").await.unwrap();
    let rest: Vec<_> = events.map(Result::unwrap).collect().await;
    let Some(Event::Status(last)) = rest.last() else { panic!("{rest:?}") };
    assert_eq!(last.status, Status::Cancelled);
}

#[tokio::test]
async fn a_key_names_one_job_and_many_inputs_are_many() {
    let Served { client, .. } = served().await;
    let mut request = ask("echo", 1);
    request.key = Some(IdempotencyKey { name: "once".into(), holds: KeyHolds::WhileKept });
    let one = client.submit(request.clone()).await.unwrap();
    assert_eq!(client.submit(request.clone()).await.unwrap().id(), one.id());
    request.input = Payload::json(&[2]).unwrap();
    assert_eq!(client.submit(request.clone()).await.unwrap().id(), one.id());
    assert!(matches!(client.submit_once(request).await, Err(Error::KeyTaken { .. })));
    let inputs = [1, 2, 3].map(|n| Payload::json(&[n]).unwrap());
    let handles = client.map(ask("echo", 0), inputs.clone()).await.unwrap();
    for (handle, input) in handles.iter().zip(&inputs) {
        assert_eq!(handle.result(LONG).await.unwrap(), *input);
    }
    let listed = client.list(Filter { status: vec![Status::Completed], ..Filter::default() }, None, 2).await.unwrap();
    assert_eq!(listed.len(), 2);
}

#[tokio::test]
async fn modules_are_added_named_shown_and_removed() {
    let Served { local, client, .. } = served().await;
    let info = client.add_module(guest::guest()).await.unwrap();
    assert_eq!(info, local.module(&alias().into()).await.unwrap());
    client.alias(&"other".parse().unwrap(), info.digest).await.unwrap();
    assert_eq!(client.list_modules().await.unwrap(), local.list_modules().await.unwrap());
    client.unalias(&"other".parse().unwrap()).await.unwrap();
    assert_eq!(client.functions(&alias().into()).await.unwrap(), info.functions);
    let gone = client.remove_module(&alias().into()).await.unwrap();
    assert_eq!(gone, au_host::Removed::Module { digest: info.digest, names: vec![alias()] });
    assert!(matches!(client.module(&alias().into()).await, Err(Error::NotFound { what: "module", .. })));
    client.ready().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_the_host_closed_costs_no_request() {
    let Served { client, .. } = served_with(|limits| limits.idle = Duration::from_millis(50)).await;
    for _ in 0..3 {
        client.call(ask("echo", 1)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_unreachable_and_one_that_goes_down_too() {
    let Served { client, drain, serving, .. } = served().await;
    drain.cancel();
    serving.await.unwrap();
    let error = client.ready().await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { .. }), "{error}");
    assert!(error.chain().contains("cannot be reached"), "{}", error.chain());
}

#[tokio::test]
async fn a_host_that_takes_connections_and_says_nothing_is_asked_once_and_unreachable() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let config = ClientConfig { answer: Duration::from_millis(200), ..ClientConfig::default() };
    let client = Client::new(&url, config).unwrap();
    let error = client.ready().await.unwrap_err();
    assert!(matches!(&error, Error::Unreachable { .. }), "{error}");
    assert!(error.chain().contains("did not answer within 200ms"), "{}", error.chain());
    assert!(silent.accept().is_ok(), "it was asked");
    assert_eq!(silent.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "and once");
}

#[tokio::test]
async fn whoever_takes_a_front_takes_either() {
    async fn echo(front: &impl Front) -> Payload {
        front.submit(ask("echo", 5)).await.unwrap().result(LONG).await.unwrap()
    }
    let Served { local, client, .. } = served().await;
    assert_eq!(echo(&client).await, echo(local.host()).await);
    let misuse = client.list(Filter { function: Some("x".repeat(5000)), ..Filter::default() }, None, 1).await;
    assert!(matches!(misuse, Err(Error::Request { misuse: Misuse::LongUrl, .. })), "{misuse:?}");
}
