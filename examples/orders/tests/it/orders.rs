//! The whole orders service: an assigner in this process, and pods, partners and clients as processes.

use emberkeep_example_orders::pb::{Order, Stage};

use crate::shop::Shop;

/// The partners decline to charge more than this.
const LIMIT_CENTS: u64 = 100_000;

fn done(order: &Order) -> Vec<&str> {
    order.done.iter().map(|done| done.step.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_finishes_and_a_repeated_request_places_it_once() {
    let shop = Shop::open(&[]).await;
    let _pod = shop.pod();
    let place = ["place", "o-1", "lamp", "2", "4990", "12 Main St"];
    assert_eq!(shop.client(&place).unwrap(), "placed o-1\n");
    let order = shop.settled("o-1").await;
    assert_eq!(
        (order.stage(), done(&order)),
        (Stage::Finished, vec!["reserve", "charge", "ship"])
    );

    assert_eq!(shop.client(&place).unwrap(), "placed o-1\n");
    let refused = shop
        .client(&["place", "o-1", "lamp", "3", "7485", "12 Main St"])
        .unwrap_err();
    assert!(refused.contains("another order has this id"), "{refused}");
    assert_eq!(
        shop.client(&["view", "o-1"]).unwrap(),
        "o-1: finished\ndone: reserve, charge, ship\n"
    );
    let recorded = shop.recorded_facts().await;
    assert_eq!(recorded.of("o-1"), ["reserve", "charge", "ship"]);
    // A call that takes long is repeated.
    assert!(recorded.call_count >= 3, "{} calls", recorded.call_count);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_charge_undoes_the_reservation() {
    let shop = Shop::open(&[]).await;
    let _pod = shop.pod();
    shop.place("o-1", LIMIT_CENTS + 1).await;
    let order = shop.settled("o-1").await;
    assert_eq!((order.stage(), done(&order)), (Stage::Cancelled, vec!["reserve"]));
    assert_eq!(order.because, "charge: the card was declined");
    assert_eq!(order.undone, ["reserve"]);
    assert_eq!(
        shop.recorded_facts().await.of("o-1"),
        ["reserve", "charge refused", "reserve/undo"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_never_answers_is_undone_with_all_earlier_steps_in_reverse() {
    let shop = Shop::open(&["--broken", "ship"]).await;
    let _pod = shop.pod();
    shop.place("o-1", 4_990).await;
    let order = shop.settled("o-1").await;
    assert_eq!(
        (order.stage(), order.because.as_str()),
        (Stage::Cancelled, "ship: the reply was lost")
    );
    assert_eq!(order.undone, ["ship", "charge", "reserve"]);
    assert_eq!(
        shop.recorded_facts().await.of("o-1"),
        ["reserve", "charge", "ship", "ship/undo", "charge/undo", "reserve/undo"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_temporarily_is_retried_and_takes_effect_once() {
    let shop = Shop::open(&["--fail-first", "2"]).await;
    let _pod = shop.pod();
    shop.place("o-1", 4_990).await;
    assert_eq!(shop.settled("o-1").await.stage(), Stage::Finished);
    let recorded = shop.recorded_facts().await;
    assert_eq!(recorded.of("o-1"), ["reserve", "charge", "ship"]);
    // Each failed before its effect, and after it.
    assert!(recorded.call_count >= 9, "{} calls", recorded.call_count);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_continues_if_its_pod_is_killed_between_each_effect_and_its_note() {
    for (amount_cents, stage, facts) in [
        (4_990, Stage::Finished, ["reserve", "charge", "ship"]),
        (
            LIMIT_CENTS + 1,
            Stage::Cancelled,
            ["reserve", "charge refused", "reserve/undo"],
        ),
    ] {
        let shop = Shop::open(&["--silent-first", "1"]).await;
        let mut pod = shop.pod();
        shop.place("o-1", amount_cents).await;
        for fact_count in 1..=facts.len() {
            shop.wait_for_facts(fact_count).await;
            // Dropping it is `kill -9` while the pod waits for a reply that never arrives.
            drop(pod);
            pod = shop.pod();
        }
        assert_eq!(shop.settled("o-1").await.stage(), stage);
        let recorded = shop.recorded_facts().await;
        assert_eq!(recorded.of("o-1"), facts);
        // Each call was repeated by another pod.
        assert!(recorded.call_count >= 6, "{} calls", recorded.call_count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_terminates_hands_its_orders_to_the_next() {
    let shop = Shop::open(&["--silent-first", "1"]).await;
    let mut first = shop.pod();
    shop.place("o-1", 4_990).await;
    shop.wait_for_facts(1).await;
    let _second = shop.pod();
    shop.wait_for_pods(2).await;
    assert!(first.terminate().success(), "a drained pod exits 0");
    assert_eq!(shop.settled("o-1").await.stage(), Stage::Finished);
    assert_eq!(shop.recorded_facts().await.of("o-1"), ["reserve", "charge", "ship"]);
}

const ORDER_COUNT: usize = 40;
const KILL_COUNT: usize = 6;
/// The number of facts between two kills.
const FACTS_PER_KILL: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn orders_settle_correctly_while_their_pods_are_killed_repeatedly() {
    let shop = Shop::open(&["--fail-percent", "20", "--delay-ms", "60"]).await;
    // A pod that has not yet learned of the loss of a key may begin an order; its successor finds it by a periodic search.
    let pod = || shop.pod_searching_every("500");
    let mut pods = vec![pod(), pod(), pod()];
    shop.wait_for_pods(3).await;
    let ids: Vec<String> = (0..ORDER_COUNT).map(|number| format!("o-{number}")).collect();
    let placing = async {
        for (number, id) in ids.iter().enumerate() {
            let amount_cents = if number % 4 == 0 { LIMIT_CENTS + 1 } else { 4_990 };
            shop.place(id, amount_cents).await;
        }
    };
    let killing = async {
        for kill in 1..=KILL_COUNT {
            shop.wait_for_facts(kill * FACTS_PER_KILL).await;
            drop(pods.remove(0));
            pods.push(pod());
        }
    };
    tokio::join!(placing, killing);

    let mut finished_count = 0;
    for id in &ids {
        let order = shop.settled(id).await;
        finished_count += usize::from(order.stage() == Stage::Finished);
        shop.recorded_facts().await.check(&order);
    }
    assert!((1..ORDER_COUNT).contains(&finished_count), "{finished_count} finished");
    shop.wait_for_no_open_orders().await;
}
