//! A running orders service with its assigner, partners and store.

use std::process::Command;

use emberkeep_assigner::raft::RaftSettings;
use emberkeep_assigner::{Assigner, AssignerConfig};
use emberkeep_clerk::Clerk;
use emberkeep_example_orders::TARGET;
use emberkeep_example_orders::partners::ListRequest;
use emberkeep_example_orders::partners::journal_client::JournalClient;
use emberkeep_example_orders::pb::orders_client::OrdersClient;
use emberkeep_example_orders::pb::{Order, PlaceRequest, Stage, ViewRequest};
use emberkeep_store::{NameRange, Store};
use emberkeep_testkit::address::free_address;
use emberkeep_testkit::deadline::eventually;
use emberkeep_testkit::process::{ServerProcess, run};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

use crate::journal::RecordedFacts;

pub(crate) struct Shop {
    assigner: Assigner,
    clerk: Clerk,
    partners: Channel,
    partners_url: String,
    _partners: ServerProcess,
    folder: TempDir,
}

impl Shop {
    /// Starts everything but pods; the partners get these options.
    pub(crate) async fn open(fault_flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let raft = RaftSettings::alone(folder.path().join("assigner"), format!("http://{address}"));
        let config = AssignerConfig::new(address, raft);
        let assigner = Assigner::start_on(listener, config).await.unwrap();
        let clerk = Clerk::builder(TARGET)
            .assigner(format!("http://{address}"))
            .connect()
            .await
            .unwrap();

        let listen = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders-partners"));
        command
            .arg(listen.to_string())
            .arg(folder.path().join("ledger"))
            .args(fault_flags);
        let partners_url = format!("http://{listen}");
        Self {
            assigner,
            clerk,
            _partners: ServerProcess::listening(&mut command, listen),
            partners: Endpoint::from_shared(partners_url.clone()).unwrap().connect_lazy(),
            partners_url,
            folder,
        }
    }

    /// Starts a pod that searches for open orders only when its slices change: the periodic search comes after ten minutes.
    pub(crate) fn pod(&self) -> ServerProcess {
        self.pod_searching_every("600000")
    }

    pub(crate) fn pod_searching_every(&self, millis: &str) -> ServerProcess {
        let listen = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders-server"));
        command
            .args([listen.to_string(), self.store_url()])
            .args(["--partners", &self.partners_url, "--assigner", &self.assigner_url()])
            .args(["--retry-ms", "10,20,40", "--search-ms", millis, "--at-once", "4"])
            .env_remove("HOSTNAME");
        ServerProcess::listening(&mut command, listen)
    }

    pub(crate) fn client(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orders-client"));
        run(command.args(words).env("ASSIGNER", self.assigner_url()))
    }

    /// Places an order, with retries.
    pub(crate) async fn place(&self, order_id: &str, amount_cents: u64) {
        let request = PlaceRequest {
            order_id: order_id.to_owned(),
            item: "lamp".to_owned(),
            count: 1,
            amount_cents,
            address: "12 Main St".to_owned(),
        };
        let placed = async || {
            let mut orders = OrdersClient::new(self.clerk.for_key(order_id).idempotent());
            orders.place(request.clone()).await.ok()
        };
        eventually(&format!("placing {order_id}"), placed).await;
    }

    /// Waits until the order is finished or cancelled.
    pub(crate) async fn settled(&self, order_id: &str) -> Order {
        let settled = async || {
            let order_id = order_id.to_owned();
            let mut orders = OrdersClient::new(self.clerk.for_key(&order_id).idempotent());
            let order = orders.view(ViewRequest { order_id }).await.ok()?.into_inner();
            matches!(order.stage(), Stage::Finished | Stage::Cancelled).then_some(order)
        };
        eventually(&format!("the end of {order_id}"), settled).await
    }

    pub(crate) async fn recorded_facts(&self) -> RecordedFacts {
        let reply = JournalClient::new(self.partners.clone()).list(ListRequest {}).await;
        RecordedFacts::new(reply.unwrap().into_inner())
    }

    /// Waits until the partners have `count` facts.
    pub(crate) async fn wait_for_facts(&self, count: usize) {
        let enough = async || (self.recorded_facts().await.facts.len() >= count).then_some(());
        eventually(&format!("{count} facts"), enough).await;
    }

    /// Waits until `count` pods have slices.
    pub(crate) async fn wait_for_pods(&self, count: usize) {
        let enough = async || (self.pod_count() == count).then_some(());
        eventually(&format!("{count} pods with slices"), enough).await;
    }

    /// Waits until no order is marked as open.
    pub(crate) async fn wait_for_no_open_orders(&self) {
        let store = Store::from_url(&self.store_url()).await.unwrap();
        let none_left = async || {
            let page = store.list(&NameRange::prefix("orders-open/"), 1).await.unwrap();
            page.objects.is_empty().then_some(())
        };
        eventually("the removal of all markers", none_left).await;
    }

    fn pod_count(&self) -> usize {
        let state = self.assigner.member().state().borrow().clone();
        let target = state.targets().iter().find(|(name, _)| name.as_str() == TARGET);
        target.map_or(0, |(_, target)| target.assignment.pods().len())
    }

    fn assigner_url(&self) -> String {
        format!("http://{}", self.assigner.address())
    }

    fn store_url(&self) -> String {
        format!("folder://{}", self.folder.path().join("objects").display())
    }
}
