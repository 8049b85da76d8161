//! Calls the orders service: `orders-client place o-1 lamp 2 4990 "12 Main St"`, then `orders-client view o-1`.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use anyhow::bail;
use emberkeep_clerk::Clerk;
use emberkeep_example_orders::TARGET;
use emberkeep_example_orders::pb::orders_client::OrdersClient;
use emberkeep_example_orders::pb::{Order, PlaceRequest, Stage, ViewRequest};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let assigner = std::env::var("ASSIGNER").unwrap_or_else(|_| "http://127.0.0.1:7400".to_owned());
    let clerk = Clerk::builder(TARGET).assigner(assigner).connect().await?;
    clerk.ready(Duration::from_secs(10)).await?;
    // Both calls are idempotent, so the clerk may retry them.
    let orders = |id: &str| OrdersClient::new(clerk.for_key(id).idempotent());

    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["place", order_id, item, count, amount_cents, address] => {
            let request = PlaceRequest {
                order_id: order_id.to_owned(),
                item: item.to_owned(),
                count: count.parse()?,
                amount_cents: amount_cents.parse()?,
                address: address.to_owned(),
            };
            orders(order_id).place(request).await?;
            println!("placed {order_id}");
        }
        ["view", order_id] => {
            let order_id = order_id.to_owned();
            let order = orders(&order_id).view(ViewRequest { order_id }).await?.into_inner();
            print(&order);
        }
        _ => bail!("usage: orders-client place ORDER ITEM COUNT CENTS ADDRESS | view ORDER"),
    }
    Ok(())
}

fn print(order: &Order) {
    let stage = match order.stage() {
        Stage::Unspecified => "unknown",
        Stage::Running => "running",
        Stage::Undoing => "being undone",
        Stage::Finished => "finished",
        Stage::Cancelled => "cancelled",
    };
    let done: Vec<&str> = order.done.iter().map(|done| done.step.as_str()).collect();
    println!("{}: {stage}", order.order_id);
    println!("done: {}", done.join(", "));
    if !order.because.is_empty() {
        println!("undone: {}", order.undone.join(", "));
        println!("because: {}", order.because);
    }
}
