//! What addresses may do, counted in memory of bounded size: a rate of costly requests, open live
//! feeds, open connections.
//!
//! The rate is the generic cell rate algorithm: one time per address. (`governor` has it too, but
//! no bound on the number of addresses, and whoever has IPv6 has 65,536 of our keys per /48.)

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::LimitsConfig;

/// Addresses that are remembered; the rest share one place.
const ADDRESSES_MAX: usize = 16_384;
/// How often a full table is looked through for addresses that have paused.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// The place of those that find the table full.
const REST: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Returns what stands for an address: IPv4 as it is, of IPv6 the /64 that one household has.
pub fn key_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// What was refused since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Costly requests.
    pub requests: u64,
    /// Live feeds.
    pub live: u64,
    /// Connections.
    pub connections: u64,
}

/// The bounds of all addresses.
#[derive(Debug)]
pub struct Addresses {
    rate: Rate,
    refused_requests: AtomicU64,
    live: Places,
    connections: Places,
}

impl Addresses {
    /// Begins with nothing counted.
    pub fn new(config: &LimitsConfig) -> Self {
        Self {
            rate: Rate::new(config.costly_per_sec, config.costly_burst),
            refused_requests: AtomicU64::new(0),
            live: Places::new(config.live_clients_max),
            connections: Places::new(config.connections_max),
        }
    }

    /// Takes one costly request of `key` at the monotonic time `now`.
    ///
    /// # Errors
    /// How long to wait for the next one.
    pub fn spend(&self, key: IpAddr, now: Duration) -> Result<(), Duration> {
        self.rate.spend(key, now).inspect_err(|_| {
            self.refused_requests.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// Takes a place for a live feed; `None` if the address has as many as it may.
    pub fn listen(&self, key: IpAddr) -> Option<Place> {
        self.live.take(key)
    }

    /// Takes a place for a connection; `None` if the address has as many as it may.
    pub fn connect(&self, key: IpAddr) -> Option<Place> {
        self.connections.take(key)
    }

    /// What was refused since the start.
    pub fn refused(&self) -> Refused {
        Refused {
            requests: self.refused_requests.load(Ordering::Relaxed),
            live: self.live.refused.load(Ordering::Relaxed),
            connections: self.connections.refused.load(Ordering::Relaxed),
        }
    }
}

#[derive(Debug)]
struct Rate {
    /// Between two requests in the long run; zero is no limit.
    gap: Duration,
    /// How far ahead of its time an address may be.
    ahead_max: Duration,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// When each address would be back at rest.
    rests_at: HashMap<IpAddr, Duration>,
    swept_at: Duration,
}

impl Rate {
    fn new(per_sec: u32, burst: u32) -> Self {
        let gap = Duration::from_secs(1).checked_div(per_sec).unwrap_or_default();
        Self { gap, ahead_max: gap * burst.saturating_sub(1), table: Mutex::default() }
    }

    fn spend(&self, key: IpAddr, now: Duration) -> Result<(), Duration> {
        if self.gap.is_zero() {
            return Ok(());
        }
        let mut table = locked(&self.table);
        let key = table.place_of(key, now);
        let rests_at = table.rests_at.entry(key).or_default();
        let base = (*rests_at).max(now);
        if base > now + self.ahead_max {
            return Err(base - now - self.ahead_max);
        }
        *rests_at = base + self.gap;
        Ok(())
    }
}

impl Table {
    fn place_of(&mut self, key: IpAddr, now: Duration) -> IpAddr {
        if self.rests_at.len() < ADDRESSES_MAX || self.rests_at.contains_key(&key) {
            return key;
        }
        if now >= self.swept_at + SWEEP_EVERY {
            self.swept_at = now;
            self.rests_at.retain(|_, rests_at| *rests_at > now);
        }
        if self.rests_at.len() < ADDRESSES_MAX { key } else { REST }
    }
}

/// Places that an address holds at the same time. Bounded by what holds them.
#[derive(Debug)]
struct Places {
    /// 0 is no limit.
    max: usize,
    held: Held,
    refused: AtomicU64,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Place(Option<(IpAddr, Held)>);

/// Places in use by address.
type Held = Arc<Mutex<HashMap<IpAddr, usize>>>;

impl Place {
    /// A place that nobody counts.
    pub const UNCOUNTED: Self = Self(None);
}

impl Places {
    fn new(max: usize) -> Self {
        Self { max, held: Arc::default(), refused: AtomicU64::new(0) }
    }

    fn take(&self, key: IpAddr) -> Option<Place> {
        if self.max == 0 {
            return Some(Place::UNCOUNTED);
        }
        let mut held = locked(&self.held);
        let count = held.entry(key).or_default();
        if *count >= self.max {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *count += 1;
        Some(Place(Some((key, Arc::clone(&self.held)))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((key, held)) = self.0.take() else { return };
        let mut held = locked(&held);
        if let Some(count) = held.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&key);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn at_ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_address_may_burst_then_goes_at_its_rate() {
        let rate = Rate::new(10, 3);
        let (one, other) = ("203.0.113.5".parse().unwrap(), "203.0.113.6".parse().unwrap());
        let asks = |key, ms: &[u64]| -> Vec<Result<(), Duration>> {
            ms.iter().map(|ms| rate.spend(key, at_ms(*ms))).collect()
        };
        let wait = |ms| Err(at_ms(ms));
        assert_eq!(asks(one, &[0, 0, 0, 0, 50]), [Ok(()), Ok(()), Ok(()), wait(100), wait(50)]);
        assert_eq!(asks(other, &[50]), [Ok(())], "the others do not suffer");
        assert_eq!(
            asks(one, &[100, 150, 5_000, 5_000, 5_000, 5_000]),
            [Ok(()), wait(50), Ok(()), Ok(()), Ok(()), wait(100)]
        );
    }

    #[test]
    fn zero_is_no_limit() {
        let rate = Rate::new(0, 1);
        let key = "203.0.113.5".parse().unwrap();
        assert!((0..1_000).all(|_| rate.spend(key, Duration::ZERO).is_ok()));
        let places = Places::new(0);
        let held: Vec<_> = (0..1_000).map(|_| places.take(key)).collect();
        assert!(held.iter().all(Option::is_some) && locked(&places.held).is_empty());
    }

    #[test]
    fn memory_is_bounded_and_those_at_rest_make_room() {
        let rate = Rate::new(1, 1);
        let key = |index: u32| IpAddr::from(index.to_be_bytes());
        let all = u32::try_from(ADDRESSES_MAX).unwrap();
        for index in 0..2 * all {
            let _ = rate.spend(key(index), at_ms(500));
        }
        assert_eq!(locked(&rate.table).rests_at.len(), ADDRESSES_MAX + 1);
        assert!(rate.spend(key(2 * all), at_ms(600)).is_err(), "newcomers share one place");
        assert!(rate.spend(key(2 * all), at_ms(9_000)).is_ok());
        assert_eq!(locked(&rate.table).rests_at.len(), 1);
    }

    #[test]
    fn places_are_given_back() {
        let places = Places::new(2);
        let key = "2001:db8::1".parse().unwrap();
        let (first, second) = (places.take(key), places.take(key));
        assert!(first.is_some() && second.is_some() && places.take(key).is_none());
        drop(first);
        assert!(places.take(key).is_some());
        drop(second);
        assert!(locked(&places.held).is_empty());
        assert_eq!(places.refused.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_household_is_one_address() {
        let key = |text: &str| key_of(text.parse().unwrap()).to_string();
        assert_eq!(key("2001:db8:1:2:aaaa::1"), key("2001:db8:1:2:bbbb::2"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:203.0.113.5"), "203.0.113.5");
    }
}
