//! The store budget: divides the object store requests that a target may make a second among its pods.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::SessionId;
use crate::pod::PodName;
use crate::rate::Rate;
use crate::time::Timestamp;

/// The shares of all pods. A pod without a session keeps the share that it was granted, and its account keeps it as long as
/// the pod is registered: the others divide the rest.
#[derive(Debug, Default)]
pub(super) struct StoreBudget {
    total: Option<Rate>,
    accounts: BTreeMap<PodName, Account>,
    allocated_at: Option<Timestamp>,
    check_at: Option<Timestamp>,
}

/// The demand of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// The session that a grant can be sent to.
    pub(super) session: Option<SessionId>,
    /// The requests that it would make; `None` before the first heartbeat of this session.
    pub(super) demand: Option<Rate>,
}

/// A pod's share of the budget; `None` is unlimited.
pub(super) type StoreShare = Option<Rate>;

#[derive(Debug, Clone, Copy)]
struct Account {
    /// The session that the share was granted to last.
    granted_to: Option<SessionId>,
    /// The demand that the share was computed for.
    demand: Rate,
    share: StoreShare,
}

/// How long pods that join or leave are gathered before a new allocation.
const GATHER: Duration = Duration::from_millis(100);
/// The shortest interval between two allocations that follow demand.
const ALLOCATION_INTERVAL: Duration = Duration::from_secs(1);
/// A change of demand by less than a quarter is ignored.
const NOTABLE_DIVISOR: u64 = 4;
/// A change of demand by less than this is ignored: one request a second, in thousandths.
const NOTABLE_MIN: u64 = 1_000;

impl StoreBudget {
    /// Records a demand. If it differs notably from the one that the share was computed for, an allocation becomes due.
    pub(super) fn on_demand(&mut self, name: &PodName, demand: Rate) {
        let is_notable = self
            .accounts
            .get(name)
            .is_some_and(|account| account.is_notable(demand));
        if self.total.is_some() && is_notable {
            self.schedule_check(self.next_allocation(ALLOCATION_INTERVAL));
        }
    }

    /// When the next allocation is due.
    pub(super) fn wake_at(&self) -> Timestamp {
        self.check_at.unwrap_or(Timestamp::NEVER)
    }

    /// Allocates again if that is due. Returns the grants to send, decreases first, so that the shares that pods hold never add
    /// up to more than the total.
    pub(super) fn update(
        &mut self,
        total: Option<Rate>,
        claims: &BTreeMap<PodName, Claim>,
        now: Timestamp,
    ) -> Vec<(SessionId, StoreShare)> {
        self.check_at = None;
        let due = self.due_at(total, claims);
        let accounts = match now >= due {
            true => {
                (self.total, self.allocated_at) = (total, Some(now));
                self.allocated(total, claims)
            }
            false => {
                self.schedule_check(due);
                self.accounts.clone()
            }
        };
        let before = std::mem::replace(&mut self.accounts, accounts);
        self.grants(&before, claims)
    }

    fn schedule_check(&mut self, at: Timestamp) {
        self.check_at = Some(self.wake_at().min(at));
    }

    fn next_allocation(&self, interval: Duration) -> Timestamp {
        self.allocated_at.map_or(Timestamp::ZERO, |at| at + interval)
    }

    fn due_at(&self, total: Option<Rate>, claims: &BTreeMap<PodName, Claim>) -> Timestamp {
        if total.is_none() && self.total.is_none() {
            return Timestamp::ZERO;
        }
        if total != self.total || !claims.keys().eq(self.accounts.keys()) {
            return self.next_allocation(GATHER);
        }
        let mut pairs = claims.values().zip(self.accounts.values());
        match pairs.any(|(claim, account)| claim.demand.is_some_and(|demand| account.is_notable(demand))) {
            true => self.next_allocation(ALLOCATION_INTERVAL),
            false => Timestamp::NEVER,
        }
    }

    /// The accounts after a new allocation.
    fn allocated(&self, total: Option<Rate>, claims: &BTreeMap<PodName, Claim>) -> BTreeMap<PodName, Account> {
        let shares = total.map(|total| self.shares(total, claims)).unwrap_or_default();
        let account = |(name, claim): (&PodName, &Claim)| {
            let account = Account {
                granted_to: self.accounts.get(name).and_then(|account| account.granted_to),
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
        let mut shares = allocate(Rate::from_milli(rest), &demands.collect());
        shares.extend(held);
        shares
    }

    /// The shares that pods without a session hold.
    fn held(&self, claims: &BTreeMap<PodName, Claim>) -> BTreeMap<PodName, Rate> {
        let disconnected = claims.iter().filter(|(_, claim)| claim.session.is_none());
        let held = disconnected.filter_map(|(name, _)| {
            let account = self.accounts.get(name).filter(|account| account.granted_to.is_some())?;
            Some((name.clone(), account.share?))
        });
        held.collect()
    }

    /// The current demand of a pod, or its last known one.
    fn demand(&self, name: &PodName, claim: &Claim) -> Rate {
        let before = || self.accounts.get(name).map(|account| account.demand);
        claim.demand.or_else(before).unwrap_or(Rate::ZERO)
    }

    /// The grants for sessions that have not received their share yet.
    fn grants(
        &mut self,
        before: &BTreeMap<PodName, Account>,
        claims: &BTreeMap<PodName, Claim>,
    ) -> Vec<(SessionId, StoreShare)> {
        let mut grants = Vec::new();
        for (name, account) in &mut self.accounts {
            let Some(session) = claims.get(name).and_then(|claim| claim.session) else {
                continue;
            };
            // A grant to an earlier session may never have arrived, so a new session gets its share again.
            let known = before.get(name).filter(|before| before.granted_to.is_some());
            let known = known.map(|account| account.share);
            if account.granted_to != Some(session) || known != Some(account.share) {
                account.granted_to = Some(session);
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
        let allocated = self.demand.milli();
        let change = demand.milli().abs_diff(allocated);
        change >= NOTABLE_MIN && change >= allocated / NOTABLE_DIVISOR
    }
}

/// Whether one share is less than another; unlimited is the most.
fn is_less(share: StoreShare, other: StoreShare) -> bool {
    let milli = |share: StoreShare| share.map_or(u64::MAX, Rate::milli);
    milli(share) < milli(other)
}

/// Divides `total` among pods by their demands.
///
/// Each pod gets a floor, an equal part of a quarter of the total, for a demand that it could not foresee. The rest is
/// divided by max-min fairness: no pod gets more than its demand while another one with no larger share demands more
/// (Bertsekas and Gallager, "Data Networks", 1992, section 6.5.2). The remainder is divided equally. The shares add up to
/// the total unless there are no pods.
pub(super) fn allocate(total: Rate, demands: &BTreeMap<PodName, Rate>) -> BTreeMap<PodName, Rate> {
    let count = demands.len() as u64;
    if count == 0 {
        return BTreeMap::new();
    }
    let floor = total.milli() / FLOOR_DIVISOR / count;
    let above_floor: Vec<u64> = demands
        .values()
        .map(|demand| demand.milli().saturating_sub(floor))
        .collect();
    let (filled, left) = filled(&above_floor, total.milli() - floor * count);
    let spread = |index: u64| left / count + u64::from(index < left % count);
    let shares = filled.into_iter().zip(0..);
    let shares = shares.map(|(filled, index)| Rate::from_milli(floor + filled + spread(index)));
    demands.keys().cloned().zip(shares).collect()
}

/// A quarter of the total is divided equally, regardless of the demands.
const FLOOR_DIVISOR: u64 = 4;

/// Max-min fairness: fills all demands up to one level, as high as the total allows; returns the remainder. The smallest
/// demand is filled first, so that the others can use the rest of its part.
fn filled(demands: &[u64], total: u64) -> (Vec<u64>, u64) {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by_key(|index| (demands[*index], *index));
    let (mut filled, mut left) = (vec![0; demands.len()], total);
    for (filled_count, index) in order.into_iter().enumerate() {
        let level = left / (demands.len() - filled_count) as u64;
        filled[index] = demands[index].min(level);
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

    fn allocated(total: u32, demands: &[u32]) -> Vec<u64> {
        let demands = demands.iter().map(|demand| Rate::per_second(*demand));
        let demands = (0..).map(name).zip(demands).collect();
        let shares = allocate(Rate::per_second(total), &demands);
        shares.values().map(|share| share.milli() / 1_000).collect()
    }

    #[test]
    fn demands_are_filled_first_and_the_rest_is_divided_equally() {
        assert_eq!(allocated(100, &[0, 0, 0, 0]), [25, 25, 25, 25]);
        assert_eq!(allocated(100, &[10, 50, 0, 0]), [16, 56, 13, 13]);
        assert_eq!(allocated(100, &[900, 900, 0, 0]), [43, 43, 6, 6]);
        assert_eq!(allocated(120, &[900, 20, 50, 900]), [33, 20, 33, 33]);
        assert!(allocated(7, &[]).is_empty());
    }

    fn demands() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(prop_oneof![Just(0), 0_u64..50_000, 0_u64..50_000_000], 1..40)
    }

    /// Claims by the number of the pod: its session, if any, and its demand.
    fn claims() -> impl Strategy<Value = BTreeMap<usize, (Option<u64>, Option<u32>)>> {
        let claim = (prop::option::of(0_u64..3), prop::option::of(0_u32..200));
        prop::collection::btree_map(0_usize..5, claim, 0..5)
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_total_and_a_larger_demand_never_gets_less(
            total in 0_u64..20_000_000,
            wanted in demands(),
        ) {
            let demands = wanted.iter().map(|milli| Rate::from_milli(*milli));
            let demands: BTreeMap<_, _> = (0..).map(name).zip(demands).collect();
            let shares = allocate(Rate::from_milli(total), &demands);
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
        fn the_granted_shares_never_exceed_the_total(
            turns in prop::collection::vec((claims(), 0_u64..700), 1..30),
        ) {
            let total = Rate::per_second(100);
            let (mut budget, mut now) = (StoreBudget::default(), Timestamp::ZERO);
            let mut granted: BTreeMap<PodName, u64> = BTreeMap::new();
            for (claims, millis) in turns {
                now = now + Duration::from_millis(millis);
                // Sessions of different pods have different numbers.
                let claims = claims.into_iter().map(|(number, (session, demand))| {
                    let session = session.map(|session| SessionId(session * 10 + number as u64));
                    let demand = demand.filter(|_| session.is_some()).map(Rate::per_second);
                    (name(number), Claim { session, demand })
                });
                let claims: BTreeMap<_, _> = claims.collect();
                for (SessionId(session), share) in budget.update(Some(total), &claims, now) {
                    granted.insert(name((session % 10) as usize), share.unwrap().milli());
                    let present = granted.iter().filter(|(name, _)| budget.accounts.contains_key(*name));
                    prop_assert!(present.map(|(_, milli)| milli).sum::<u64>() <= total.milli(), "{granted:?}");
                }
                granted.retain(|name, _| budget.accounts.contains_key(name));
                prop_assert!(budget.wake_at() > now);
            }
        }
    }
}
