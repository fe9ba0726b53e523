//! How many connections there are, in all and of each peer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections of one peer, unless it is told otherwise.
const PER_PEER: usize = 64;

/// Counts connections.
#[derive(Clone, Debug)]
pub(super) struct Peers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    per_peer: Option<usize>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

impl Peers {
    pub(super) fn new(most: usize, per_peer: Option<usize>) -> Self {
        Self(Arc::new(Inner { most, per_peer, counts: Mutex::default() }))
    }

    /// Lets one more in, unless there are too many. No address: a socket of this machine.
    pub(super) fn admit(&self, address: Option<IpAddr>) -> Option<Seat> {
        let peer = address.map(network);
        let limit = match (self.0.per_peer, peer) {
            (_, None) => usize::MAX,
            (None, Some(peer)) if peer.is_loopback() => usize::MAX,
            (limit, Some(_)) => limit.unwrap_or(PER_PEER),
        };
        let mut counts = self.0.lock();
        let held = peer.and_then(|peer| counts.by_peer.get(&peer).copied()).unwrap_or(0);
        if counts.all >= self.0.most || held >= limit {
            return None;
        }
        counts.all += 1;
        if let Some(peer) = peer {
            counts.by_peer.insert(peer, held + 1);
        }
        Some(Seat { peers: Arc::clone(&self.0), peer })
    }
}

impl Inner {
    // A map insert or remove is all that happens under it.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct Seat {
    peers: Arc<Inner>,
    peer: Option<IpAddr>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.peers.lock();
        counts.all -= 1;
        let Some(peer) = self.peer else { return };
        if let Entry::Occupied(mut held) = counts.by_peer.entry(peer) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

/// Whom an address belongs to: of IPv6 a customer has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_seat_is_free_again_when_its_connection_goes() {
        let peers = Peers::new(1, None);
        let seat = peers.admit(ip("127.0.0.1")).unwrap();
        assert!(peers.admit(None).is_none());
        drop(seat);
        assert!(peers.admit(None).is_some());
        assert!(peers.0.lock().by_peer.is_empty());
    }

    #[test]
    fn one_peer_leaves_seats_for_others_and_has_one_name_only() {
        let peers = Peers::new(100, Some(1));
        let _first = peers.admit(ip("2001:db8::1")).unwrap();
        assert!(peers.admit(ip("2001:db8::2")).is_none(), "the same /64");
        let _other = peers.admit(ip("2001:db8:0:1::1")).unwrap();
        let _mapped = peers.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert!(peers.admit(ip("192.0.2.1")).is_none());
    }
}
