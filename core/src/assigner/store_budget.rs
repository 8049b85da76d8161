//! The store budget: the requests that all pods of a target together may make of the object store, dealt out to them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::SessionId;
use crate::pod::PodName;
use crate::rate::Rate;
use crate::time::Timestamp;

/// What was dealt out last, and to whom. A pod without a session keeps what it was told, and so does its account for as
/// long as it is registered: the others share the rest.
#[derive(Debug, Default)]
pub(super) struct StoreBudget {
    total: Option<Rate>,
    accounts: BTreeMap<PodName, Account>,
    dealt_at: Option<Timestamp>,
    look_again: Option<Timestamp>,
}

/// What a pod wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// How it can be told its share, if it can.
    pub(super) session: Option<SessionId>,
    /// How many requests of the store it would make; `None` if it has not said so in this session.
    pub(super) demand: Option<Rate>,
}

/// A pod's share, of as much as all may ask; `None` is any number.
pub(super) type StoreShare = Option<Rate>;

#[derive(Debug, Clone, Copy)]
struct Account {
    /// The session that was told last.
    told: Option<SessionId>,
    /// What was dealt for.
    demand: Rate,
    share: StoreShare,
}

/// How long pods that come or go are gathered before it is dealt anew.
const GATHER: Duration = Duration::from_millis(100);
/// How often it is dealt anew because pods want more or less.
const DEALING_INTERVAL: Duration = Duration::from_secs(1);
/// A demand that has changed by less than this part of it is the same.
const NOTABLE_DIVISOR: u64 = 4;
/// So is one that has changed by less than one request a second.
const NOTABLE_MIN: u64 = 1_000;

impl StoreBudget {
    /// A pod has said what it wants. If that is much more or less than was dealt for, it is soon time to deal.
    pub(super) fn heard(&mut self, name: &PodName, demand: Rate) {
        let is_notable = self
            .accounts
            .get(name)
            .is_some_and(|account| account.is_notable(demand));
        if self.total.is_some() && is_notable {
            self.look_again_at(self.next_dealing(DEALING_INTERVAL));
        }
    }

    /// When there is something to deal if nothing happens before.
    pub(super) fn wake_at(&self) -> Timestamp {
        self.look_again.unwrap_or(Timestamp::NEVER)
    }

    /// Deals anew if it is time to. Answers what is to be told to whom; those who get less are told first.
    pub(super) fn grants(
        &mut self,
        total: Option<Rate>,
        claims: &BTreeMap<PodName, Claim>,
        now: Timestamp,
    ) -> Vec<(SessionId, StoreShare)> {
        self.look_again = None;
        let due = self.due_at(total, claims);
        let accounts = match now >= due {
            true => {
                (self.total, self.dealt_at) = (total, Some(now));
                self.dealt(total, claims)
            }
            false => {
                self.look_again_at(due);
                self.accounts.clone()
            }
        };
        let before = std::mem::replace(&mut self.accounts, accounts);
        self.untold(&before, claims)
    }

    fn look_again_at(&mut self, at: Timestamp) {
        self.look_again = Some(self.wake_at().min(at));
    }

    fn next_dealing(&self, interval: Duration) -> Timestamp {
        self.dealt_at.map_or(Timestamp::ZERO, |at| at + interval)
    }

    fn due_at(&self, total: Option<Rate>, claims: &BTreeMap<PodName, Claim>) -> Timestamp {
        if total.is_none() && self.total.is_none() {
            return Timestamp::ZERO;
        }
        if total != self.total || !claims.keys().eq(self.accounts.keys()) {
            return self.next_dealing(GATHER);
        }
        let mut pairs = claims.values().zip(self.accounts.values());
        match pairs.any(|(claim, account)| claim.demand.is_some_and(|demand| account.is_notable(demand))) {
            true => self.next_dealing(DEALING_INTERVAL),
            false => Timestamp::NEVER,
        }
    }

    /// The accounts after a new dealing.
    fn dealt(&self, total: Option<Rate>, claims: &BTreeMap<PodName, Claim>) -> BTreeMap<PodName, Account> {
        let shares = total.map(|total| self.shares(total, claims)).unwrap_or_default();
        let account = |(name, claim): (&PodName, &Claim)| {
            let account = Account {
                told: self.accounts.get(name).and_then(|account| account.told),
                demand: self.demand(name, claim),
                share: shares.get(name).copied(),
            };
            (name.clone(), account)
        };
        claims.iter().map(account).collect()
    }

    fn shares(&self, total: Rate, claims: &BTreeMap<PodName, Claim>) -> BTreeMap<PodName, Rate> {
        let held = self.held(claims);
        let rest = held
            .values()
            .fold(total.milli(), |rest, held| rest.saturating_sub(held.milli()));
        let others = claims.iter().filter(|(name, _)| !held.contains_key(*name));
        let demands = others.map(|(name, claim)| (name.clone(), self.demand(name, claim)));
        let mut shares = deal(Rate::from_milli(rest), &demands.collect());
        shares.extend(held);
        shares
    }

    /// What pods without a session go by, as far as they were told.
    fn held(&self, claims: &BTreeMap<PodName, Claim>) -> BTreeMap<PodName, Rate> {
        let silent = claims.iter().filter(|(_, claim)| claim.session.is_none());
        let held = silent.filter_map(|(name, _)| {
            let account = self.accounts.get(name).filter(|account| account.told.is_some())?;
            Some((name.clone(), account.share?))
        });
        held.collect()
    }

    /// What a pod wants, or has wanted as long as it does not say.
    fn demand(&self, name: &PodName, claim: &Claim) -> Rate {
        let before = || self.accounts.get(name).map(|account| account.demand);
        claim.demand.or_else(before).unwrap_or(Rate::ZERO)
    }

    /// Whom to tell what it did not know before.
    fn untold(
        &mut self,
        before: &BTreeMap<PodName, Account>,
        claims: &BTreeMap<PodName, Claim>,
    ) -> Vec<(SessionId, StoreShare)> {
        let mut grants = Vec::new();
        for (name, account) in &mut self.accounts {
            let Some(session) = claims.get(name).and_then(|claim| claim.session) else {
                continue;
            };
            // What an earlier session was told holds until this one is told, but may never have arrived.
            let known = before.get(name).filter(|before| before.told.is_some());
            let known = known.map(|account| account.share);
            if account.told != Some(session) || known != Some(account.share) {
                account.told = Some(session);
                let is_less = known.is_some_and(|known| is_less(account.share, known));
                grants.push((!is_less, session, account.share));
            }
        }
        grants.sort_by_key(|(comes_last, ..)| *comes_last);
        grants.into_iter().map(|(_, session, share)| (session, share)).collect()
    }
}

impl Account {
    const fn is_notable(&self, demand: Rate) -> bool {
        let dealt = self.demand.milli();
        let change = demand.milli().abs_diff(dealt);
        change >= NOTABLE_MIN && change >= dealt / NOTABLE_DIVISOR
    }
}

/// Whether one share is less than another, of which any number is the most.
fn is_less(share: StoreShare, other: StoreShare) -> bool {
    let milli = |share: StoreShare| share.map_or(u64::MAX, Rate::milli);
    milli(share) < milli(other)
}

/// Deals `total` out to pods that want so much.
///
/// Each gets a floor, an equal part of a quarter, so that it can start at once with what it did not know it would need.
/// The rest goes by max-min fairness: nobody gets more than it wants as long as another who has no more wants more
/// (Bertsekas and Gallager, "Data Networks", 1992, section 6.5.2). What then is left is spread equally. All is dealt
/// out, unless nobody is there.
pub(super) fn deal(total: Rate, demands: &BTreeMap<PodName, Rate>) -> BTreeMap<PodName, Rate> {
    let count = demands.len() as u64;
    if count == 0 {
        return BTreeMap::new();
    }
    let floor = total.milli() / FLOOR_DIVISOR / count;
    let wants: Vec<u64> = demands
        .values()
        .map(|demand| demand.milli().saturating_sub(floor))
        .collect();
    let (filled, left) = filled(&wants, total.milli() - floor * count);
    let spread = |index: u64| left / count + u64::from(index < left % count);
    let shares = filled.into_iter().zip(0..);
    let shares = shares.map(|(filled, index)| Rate::from_milli(floor + filled + spread(index)));
    demands.keys().cloned().zip(shares).collect()
}

/// The part of the total that is dealt out whatever is wanted.
const FLOOR_DIVISOR: u64 = 4;

/// Fills all wants to one level, as high as there is enough; answers what is left. The smallest want is filled first, so
/// that what it does not need can go to the others.
fn filled(wants: &[u64], total: u64) -> (Vec<u64>, u64) {
    let mut order: Vec<usize> = (0..wants.len()).collect();
    order.sort_by_key(|index| (wants[*index], *index));
    let (mut filled, mut left) = (vec![0; wants.len()], total);
    for (place, index) in order.into_iter().enumerate() {
        let level = left / (wants.len() - place) as u64;
        filled[index] = wants[index].min(level);
        left -= filled[index];
    }
    (filled, left)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(number: usize) -> PodName {
        PodName::try_new(&format!("pod-{number:03}")).unwrap()
    }

    fn dealt(total: u32, demands: &[u32]) -> Vec<u64> {
        let demands = demands.iter().map(|demand| Rate::per_second(*demand));
        let demands = (0..).map(name).zip(demands).collect();
        let shares = deal(Rate::per_second(total), &demands);
        shares.values().map(|share| share.milli() / 1_000).collect()
    }

    #[test]
    fn what_is_wanted_is_dealt_first_and_the_rest_equally() {
        assert_eq!(dealt(100, &[0, 0, 0, 0]), [25, 25, 25, 25]);
        assert_eq!(dealt(100, &[10, 50, 0, 0]), [16, 56, 13, 13]);
        assert_eq!(dealt(100, &[900, 900, 0, 0]), [43, 43, 6, 6]);
        assert_eq!(dealt(120, &[900, 20, 50, 900]), [33, 20, 33, 33]);
        assert_eq!(dealt(7, &[]), []);
    }

    fn demands() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(prop_oneof![Just(0), 0_u64..50_000, 0_u64..50_000_000], 1..40)
    }

    /// Claims by the number of the pod: by which session it can be told, and how much it wants.
    fn claims() -> impl Strategy<Value = BTreeMap<usize, (Option<u64>, Option<u32>)>> {
        let claim = (prop::option::of(0_u64..3), prop::option::of(0_u32..200));
        prop::collection::btree_map(0_usize..5, claim, 0..5)
    }

    proptest! {
        #[test]
        fn all_is_dealt_out_and_whoever_wants_more_has_no_less_than_anyone_else(
            total in 0_u64..20_000_000,
            wanted in demands(),
        ) {
            let demands = wanted.iter().map(|milli| Rate::from_milli(*milli));
            let demands: BTreeMap<_, _> = (0..).map(name).zip(demands).collect();
            let shares = deal(Rate::from_milli(total), &demands);
            let shares: Vec<u64> = shares.values().map(|share| share.milli()).collect();
            prop_assert_eq!(shares.iter().sum::<u64>(), total);
            let floor = total / 4 / wanted.len() as u64;
            for (share, wanted) in shares.iter().zip(&wanted) {
                prop_assert!(*share >= floor);
                if share < wanted {
                    let most = shares.iter().max().unwrap();
                    prop_assert!(share + 1 >= *most, "{shares:?} for {wanted:?}");
                }
            }
        }

        #[test]
        fn what_pods_were_told_is_never_more_than_the_total(
            turns in prop::collection::vec((claims(), 0_u64..700), 1..30),
        ) {
            let total = Rate::per_second(100);
            let (mut budget, mut now) = (StoreBudget::default(), Timestamp::ZERO);
            let mut told: BTreeMap<PodName, u64> = BTreeMap::new();
            for (claims, millis) in turns {
                now = now + Duration::from_millis(millis);
                // Sessions of different pods have different numbers.
                let claims = claims.into_iter().map(|(number, (session, demand))| {
                    let session = session.map(|session| SessionId(session * 10 + number as u64));
                    let demand = demand.filter(|_| session.is_some()).map(Rate::per_second);
                    (name(number), Claim { session, demand })
                });
                let claims: BTreeMap<_, _> = claims.collect();
                for (SessionId(session), share) in budget.grants(Some(total), &claims, now) {
                    told.insert(name((session % 10) as usize), share.unwrap().milli());
                    let present = told.iter().filter(|(name, _)| budget.accounts.contains_key(*name));
                    prop_assert!(present.map(|(_, milli)| milli).sum::<u64>() <= total.milli(), "{told:?}");
                }
                told.retain(|name, _| budget.accounts.contains_key(name));
                prop_assert!(budget.wake_at() > now);
            }
        }
    }
}
