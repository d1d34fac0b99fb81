//! What all connections of one address, and all of one token's subject, may have together.
//!
//! Rates are buckets that fill evenly and hold some seconds' worth: bursts are fine, going on like that isn't. An
//! account is kept after its last connection has ended until its buckets are full, so that connecting anew gains
//! nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// Bounds of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Connections at a time.
    pub(crate) connections: u64,
    /// Messages a second.
    pub(crate) messages: u64,
    /// Bytes of messages a second.
    pub(crate) bytes: u64,
}

impl Share {
    /// No bounds.
    pub(crate) const UNLIMITED: Self = Self { connections: u64::MAX, messages: u64::MAX, bytes: u64::MAX };

    /// Returns these bounds with others in their place where there are any.
    pub(crate) fn overridden(self, connections: Option<u64>, messages: Option<u64>, bytes: Option<u64>) -> Self {
        Self {
            connections: connections.unwrap_or(self.connections),
            messages: messages.unwrap_or(self.messages),
            bytes: bytes.unwrap_or(self.bytes),
        }
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::UNLIMITED
    }
}

/// The accounts of all who are connected, or were a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Mutex<Accounts>);

#[derive(Debug, Default)]
struct Accounts {
    by_holder: HashMap<Holder, Arc<Mutex<Account>>>,
    /// The number of accounts at which those that aren't needed any more are looked for.
    prune_at: usize,
}

/// Whose account it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Address(IpAddr),
    Subject(Box<str>),
}

#[derive(Debug)]
struct Account {
    connections: u64,
    share: Share,
    messages: Bucket,
    bytes: Bucket,
}

/// The right to one connection. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Lease {
    address: Arc<Mutex<Account>>,
    subject: Option<(Box<str>, Arc<Mutex<Account>>)>,
}

impl Quotas {
    /// Opens a connection from an address, and of a subject if there is one.
    ///
    /// # Errors
    /// Which bound it would pass.
    pub(crate) fn lease(
        &self,
        address: IpAddr,
        share: Share,
        subject: Option<(Box<str>, Share)>,
        now: Instant,
    ) -> Result<Lease, &'static str> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = accounts.account(Holder::Address(network_of(address)), share, now);
        let subject = subject.map(|(name, share)| {
            let account = accounts.account(Holder::Subject(name.clone()), share, now);
            (name, account)
        });
        drop(accounts);
        if lock(&address).is_full() {
            return Err("too many connections from this address");
        }
        if subject.as_ref().is_some_and(|(_, account)| lock(account).is_full()) {
            return Err("too many connections with tokens of this subject");
        }
        let lease = Lease { address, subject };
        lease.accounts().for_each(|account| lock(account).connections += 1);
        Ok(lease)
    }
}

impl Accounts {
    fn account(&mut self, holder: Holder, share: Share, now: Instant) -> Arc<Mutex<Account>> {
        if self.by_holder.len() >= self.prune_at {
            self.by_holder.retain(|_, account| lock(account).is_needed(now));
            self.prune_at = (2 * self.by_holder.len()).max(ACCOUNTS_MIN);
        }
        let account = self.by_holder.entry(holder).or_insert_with(|| Arc::new(Mutex::new(Account::new(share, now))));
        lock(account).change(share);
        Arc::clone(account)
    }
}

impl Lease {
    /// Takes in a message.
    ///
    /// # Errors
    /// Which rate it passes.
    pub(crate) fn take(&self, bytes: usize, now: Instant) -> Result<(), &'static str> {
        for account in self.accounts() {
            let mut account = lock(account);
            let share = account.share;
            if !account.messages.take(1, share.messages, now) {
                return Err("too many messages a second");
            }
            if !account.bytes.take(bytes as u64, share.bytes, now) {
                return Err("too many bytes a second");
            }
        }
        Ok(())
    }

    /// Takes in what a new token says. Returns whether it is of the same subject.
    pub(crate) fn renew(&self, subject: Option<&(Box<str>, Share)>) -> bool {
        match (&self.subject, subject) {
            (Some((own, account)), Some((new, share))) if own == new => {
                lock(account).change(*share);
                true
            }
            (own, new) => own.is_none() && new.is_none(),
        }
    }

    fn accounts(&self) -> impl Iterator<Item = &Mutex<Account>> {
        [Some(&*self.address), self.subject.as_ref().map(|(_, account)| &**account)].into_iter().flatten()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.accounts().for_each(|account| lock(account).connections -= 1);
    }
}

impl Account {
    fn new(share: Share, now: Instant) -> Self {
        Self { connections: 0, share, messages: Bucket::full(now), bytes: Bucket::full(now) }
    }

    fn change(&mut self, share: Share) {
        self.share = share;
    }

    fn is_full(&self) -> bool {
        self.connections >= self.share.connections
    }

    fn is_needed(&mut self, now: Instant) -> bool {
        let Share { messages, bytes, .. } = self.share;
        self.connections > 0 || !self.messages.is_full(messages, now) || !self.bytes.is_full(bytes, now)
    }
}

/// How much of a rate was used lately.
#[derive(Debug)]
struct Bucket {
    /// What was taken and hasn't flowed back yet.
    used: f64,
    at: Instant,
}

impl Bucket {
    fn full(now: Instant) -> Self {
        Self { used: 0.0, at: now }
    }

    /// Takes from it, if there is anything left. What is taken may be more than that, so that even the longest message
    /// gets through.
    fn take(&mut self, amount: u64, rate: u64, now: Instant) -> bool {
        if rate == u64::MAX {
            return true;
        }
        self.flow(rate, now);
        let is_left = self.used < rate as f64 * BURST_SECONDS;
        if is_left {
            self.used += amount as f64;
        }
        is_left
    }

    fn is_full(&mut self, rate: u64, now: Instant) -> bool {
        self.flow(rate, now);
        self.used == 0.0
    }

    fn flow(&mut self, rate: u64, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.used = (self.used - passed * rate as f64).max(0.0);
        self.at = now;
    }
}

/// What counts as one address: of IPv6 the network that one customer is given.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds' worth of a rate that may come at once.
const BURST_SECONDS: f64 = 10.0;

/// Fewer accounts than this aren't worth a look.
const ACCOUNTS_MIN: usize = 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SHARE: Share = Share { connections: 2, messages: 10, bytes: 1000 };

    fn subject(name: &str, share: Share) -> Option<(Box<str>, Share)> {
        Some((name.into(), share))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn connections_are_counted_by_address_and_by_subject() {
        let (quotas, now) = (Quotas::default(), Instant::now());
        let from = |address: &str| quotas.lease(ip(address), SHARE, None, now);
        let held = [from("10.0.0.1").unwrap(), from("::ffff:10.0.0.1").unwrap()];
        assert_eq!(from("10.0.0.1").unwrap_err(), "too many connections from this address");
        assert!(from("10.0.0.2").is_ok());
        drop(held);
        assert!(from("10.0.0.1").is_ok());
        let network = [from("2001:db8::1").unwrap(), from("2001:db8::2").unwrap()];
        assert!(from("2001:db8::3").is_err() && from("2001:db8:0:1::3").is_ok());
        drop(network);

        let of = |name: &str, address: &str| quotas.lease(ip(address), Share::UNLIMITED, subject(name, SHARE), now);
        let held = [of("ada", "10.1.0.1").unwrap(), of("ada", "10.1.0.2").unwrap()];
        assert_eq!(of("ada", "10.1.0.3").unwrap_err(), "too many connections with tokens of this subject");
        assert!(of("bob", "10.1.0.3").is_ok());
        drop(held);
        assert!(of("ada", "10.1.0.3").is_ok());
    }

    #[test]
    fn a_rate_allows_a_burst_and_not_more_than_the_rate_for_long() {
        let (quotas, start) = (Quotas::default(), Instant::now());
        let lease = || quotas.lease(ip("10.0.0.1"), SHARE, None, start).unwrap();
        let mut taken = 0;
        while lease().take(1, start).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, 100, "connecting anew gains nothing");
        assert_eq!(lease().take(1, start), Err("too many messages a second"));
        let mut later = 0;
        for tenth in 1..=600 {
            later += usize::from(lease().take(1, start + Duration::from_millis(100 * tenth)).is_ok());
        }
        assert!((599..=600).contains(&later), "{later} in a minute");
    }

    #[test]
    fn a_long_message_gets_through_and_is_waited_for() {
        let (quotas, start) = (Quotas::default(), Instant::now());
        let lease = quotas.lease(ip("10.0.0.1"), SHARE, subject("ada", Share::UNLIMITED), start).unwrap();
        assert_eq!(lease.take(100_000, start), Ok(()));
        assert_eq!(lease.take(1, start + Duration::from_secs(89)), Err("too many bytes a second"));
        assert_eq!(lease.take(1, start + Duration::from_secs(91)), Ok(()));
    }

    #[test]
    fn a_renewed_token_changes_the_share_and_not_the_subject() {
        let (quotas, now) = (Quotas::default(), Instant::now());
        let lease = || quotas.lease(ip("10.0.0.1"), Share::UNLIMITED, subject("ada", SHARE), now);
        let [one, _two] = [lease().unwrap(), lease().unwrap()];
        assert!(lease().is_err());
        assert!(!one.renew(None) && !one.renew(subject("bob", SHARE).as_ref()));
        assert!(one.renew(subject("ada", Share { messages: 0, ..SHARE }).as_ref()));
        assert_eq!(one.take(1, now), Err("too many messages a second"));
        let nameless = quotas.lease(ip("10.0.0.1"), Share::UNLIMITED, None, now).unwrap();
        assert!(nameless.renew(None) && !nameless.renew(subject("ada", SHARE).as_ref()));
    }

    #[test]
    fn accounts_do_not_pile_up() {
        let (quotas, start) = (Quotas::default(), Instant::now());
        for number in 0..100_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            let now = start + Duration::from_millis(number.into());
            quotas.lease(address, SHARE, None, now).unwrap().take(1, now).unwrap();
        }
        assert!(quotas.0.lock().unwrap().by_holder.len() <= 2 * ACCOUNTS_MIN);
    }
}
