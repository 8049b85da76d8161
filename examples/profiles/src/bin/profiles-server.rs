//! One pod of the profiles service: `profiles-server 127.0.0.1:8081 folder:///tmp/profiles [http://127.0.0.1:7400]`.

use anyhow::Context;
use emberkeep_example_profiles::TARGET;
use emberkeep_example_profiles::pb::profiles_server::{Profiles, ProfilesServer};
use emberkeep_example_profiles::pb::{CreateReply, Profile, ViewRequest};
use emberkeep_slicelet::{ByteSize, Codec, Json, Slicelet, Store};
use emberkeep_store::{Expect, StoreError};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

struct Pod {
    profiles: Slicelet<Json<Profile>>,
    store: Store,
}

#[tonic::async_trait]
impl Profiles for Pod {
    async fn create(&self, request: Request<Profile>) -> Result<Response<CreateReply>, Status> {
        let profile = request.into_inner();
        let guard = self.profiles.own(&profile.user_id)?;
        let bytes = Json::default()
            .encode(&profile)
            .map_err(|error| Status::internal(error.to_string()))?;
        let name = guard
            .object_name()
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        match self.store.put(&name, bytes, Expect::Absent).await {
            Ok(_) => Ok(Response::new(CreateReply {})),
            Err(StoreError::PreconditionFailed { .. }) => Err(Status::already_exists("there is such a profile")),
            Err(error) => Err(Status::unavailable(error.to_string())),
        }
    }

    async fn view(&self, request: Request<ViewRequest>) -> Result<Response<Profile>, Status> {
        let user_id = request.into_inner().user_id;
        let guard = self.profiles.own(&user_id)?; // another pod's key: the clerk goes there
        let profile = guard.get().await?; // warm, or loaded once
        Ok(Response::new(profile.as_ref().clone()))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let listen = args
        .next()
        .context("the first argument is the address to listen at, such as 127.0.0.1:8081")?;
    let store = args
        .next()
        .context("the second argument is a store, such as folder:///tmp/profiles")?;
    let assigner = args.next().unwrap_or_else(|| "http://127.0.0.1:7400".to_owned());

    let incoming = TcpIncoming::bind(listen.parse()?)?.with_nodelay(Some(true));
    let store = Store::from_url(&store).await?;
    let profiles = Slicelet::builder(TARGET)
        .assigner(assigner)
        .advertise(&listen)
        .store(store.clone())
        .values(Json::<Profile>::default())
        .memory_budget(ByteSize::gib(1))
        .start()
        .await?;
    Server::builder()
        .add_service(profiles.watch_service())
        .add_service(ProfilesServer::new(Pod {
            profiles: profiles.clone(),
            store,
        }))
        .serve_with_incoming_shutdown(incoming, profiles.drained())
        .await?;
    profiles.shutdown().await;
    Ok(())
}
