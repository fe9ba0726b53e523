//! X17: nobody is granted the network, so whoever asks for it is refused.

use std::net::{TcpListener, UdpSocket};

use au_tests::guest::Parts;

use super::guests::Own;
use super::*;

/// As much of `wasi:sockets` as the guest uses.
const SOCKETS: &str = "package wasi:sockets@0.2.0;
interface network {
  resource network;
  enum error-code { unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
    not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use, remote-unreachable,
    connection-refused, connection-reset, connection-aborted, datagram-too-large, name-unresolvable,
    temporary-resolver-failure, permanent-resolver-failure }
  enum ip-address-family { ipv4, ipv6 }
  record ipv4-socket-address { port: u16, address: tuple<u8, u8, u8, u8> }
  record ipv6-socket-address { port: u16, flow-info: u32, address: tuple<u16, u16, u16, u16, u16, u16, u16, u16>, scope-id: u32 }
  variant ip-socket-address { ipv4(ipv4-socket-address), ipv6(ipv6-socket-address) }
}
interface instance-network { use network.{network}; instance-network: func() -> network; }
interface tcp {
  use network.{network, error-code, ip-socket-address};
  resource tcp-socket {
    start-connect: func(network: borrow<network>, remote-address: ip-socket-address) -> result<_, error-code>;
    start-bind: func(network: borrow<network>, local-address: ip-socket-address) -> result<_, error-code>;
  }
}
interface tcp-create-socket {
  use network.{error-code, ip-address-family}; use tcp.{tcp-socket};
  create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
}
interface udp {
  use network.{network, error-code, ip-socket-address};
  resource udp-socket { start-bind: func(network: borrow<network>, local-address: ip-socket-address) -> result<_, error-code>; }
}
interface udp-create-socket {
  use network.{error-code, ip-address-family}; use udp.{udp-socket};
  create-udp-socket: func(address-family: ip-address-family) -> result<udp-socket, error-code>;
}
interface ip-name-lookup {
  use network.{network, error-code};
  resource resolve-address-stream;
  resolve-addresses: func(network: borrow<network>, name: string) -> result<resolve-address-stream, error-code>;
}";
const WORLD: &str = "package test:guest; world guest { include au:compute/compute@0.1.0;
  import wasi:sockets/instance-network@0.2.0; import wasi:sockets/tcp@0.2.0; import wasi:sockets/tcp-create-socket@0.2.0;
  import wasi:sockets/udp@0.2.0; import wasi:sockets/udp-create-socket@0.2.0; import wasi:sockets/ip-name-lookup@0.2.0; }";
const ACCESS_DENIED: u8 = 1;
/// `permanent-resolver-failure`: what `wasi:sockets` says where names are not looked up.
const NO_NAME: u8 = 20;

/// Asks for it in the way the low byte of the number says, for the port above it; gives whether it was refused, and how.
fn caller() -> Bytes {
    // Self, the network, and an address of version 4 in eleven numbers; then where the answer goes.
    let address = format!("(param {})", "i32 ".repeat(15));
    let imports = format!(
        r#"(import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
        (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $tcp (param i32 i32)))
        (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-connect" (func $connect {address}))
        (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-bind" (func $bind {address}))
        (import "wasi:sockets/udp-create-socket@0.2.0" "create-udp-socket" (func $udp (param i32 i32)))
        (import "wasi:sockets/udp@0.2.0" "[method]udp-socket.start-bind" (func $bind-udp {address}))
        (import "wasi:sockets/ip-name-lookup@0.2.0" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))"#
    );
    // 127.0.0.1, whatever the port.
    let with = "(i32.load (i32.const 644)) (call $network) (i32.const 0) (i32.shr_u (local.get $number) (i32.const 8))
        (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 640)";
    let body = format!(
        "(local.set $i (i32.and (local.get $number) (i32.const 255)))
        (local.set $at (i32.const 640)) (local.set $len (i32.const 5))
        (block $refused
          (if (i32.eq (local.get $i) (i32.const 3))
            (then (call $resolve (call $network) (i32.const 608) (i32.const 9) (i32.const 640)) (br $refused)))
          (if (i32.eq (local.get $i) (i32.const 2))
            (then (call $udp (i32.const 0) (i32.const 640)))
            (else (call $tcp (i32.const 0) (i32.const 640))))
          (br_if $refused (i32.load8_u (i32.const 640)))
          (if (i32.eq (local.get $i) (i32.const 0)) (then (call $connect {with})))
          (if (i32.eq (local.get $i) (i32.const 1)) (then (call $bind {with})))
          (if (i32.eq (local.get $i) (i32.const 2)) (then (call $bind-udp {with}))))"
    );
    let text = Own { imports: &imports, fields: r#"(data (i32.const 608) "localhost")"#, body: &body }.text();
    Parts { packages: &[SOCKETS, WORLD], ..Parts::default() }.component(&text)
}

#[tokio::test]
async fn no_socket_is_opened_bound_or_connected_and_no_name_is_looked_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = u32::from(listener.local_addr().unwrap().port());
    let free = u32::from(UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let (local, mut request) = host_with(caller()).await;
    // All that can be granted makes no difference.
    (request.sandbox.grants.clock, request.sandbox.grants.random) = (true, true);
    for (way, port) in [(0, port), (1, free), (2, free), (3, 0)] {
        let answer = output(&local, numbered(&request, way | port << 8)).await;
        assert_eq!(answer[0], 1, "{way} was allowed: {answer:?}");
        let denials = [ACCESS_DENIED, NO_NAME];
        assert!(answer[1] == ACCESS_DENIED || denials.contains(&answer[4]), "{way}: {answer:?}");
    }
    assert!(listener.accept().is_err(), "somebody connected");
    drop(UdpSocket::bind(("127.0.0.1", u16::try_from(free).unwrap())).expect("the port is free"));
}

#[tokio::test]
async fn a_guest_that_wants_http_is_refused_when_it_is_added() {
    let packages = [
        "package wasi:http@0.2.0; interface outgoing-handler { handle: func() -> u32; }",
        "package test:guest; world guest { include au:compute/compute@0.1.0; import wasi:http/outgoing-handler@0.2.0; }",
    ];
    let imports = r#"(import "wasi:http/outgoing-handler@0.2.0" "handle" (func $handle (result i32)))"#;
    let text = Own { imports, body: "(drop (call $handle))", ..Own::default() }.text();
    let local = guest::local(config()).await;
    let refused =
        local.add_module(Parts { packages: &packages, ..Parts::default() }.component(&text)).await.unwrap_err();
    assert!(refused.to_string().contains("import_unknown"), "{refused}");
    assert!(refused.to_string().contains("wasi:http"), "{refused}");
}
