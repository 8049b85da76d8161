//! One pod of the profiles service: `profiles-server 127.0.0.1:8081 folder:///tmp/profiles [http://127.0.0.1:7400]`.

use anyhow::Context;
use emberkeep_example_profiles::TARGET;
use emberkeep_example_profiles::pb::profiles_server::{Profiles, ProfilesServer};
use emberkeep_example_profiles::pb::{CreateReply, Profile, ViewRequest};
use emberkeep_slicelet::{ByteSize, Json, Slicelet, Store};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

struct ProfilesService {
    profiles: Slicelet<Json<Profile>>,
}

#[tonic::async_trait]
impl Profiles for ProfilesService {
    async fn create(&self, request: Request<Profile>) -> Result<Response<CreateReply>, Status> {
        let profile = request.into_inner();
        let guard = self.profiles.own(&profile.user_id)?;
        // Durable on return. The conditional write cannot overwrite a profile that another pod created concurrently.
        let create = guard.update(|present| match present {
            None => Ok(profile.clone()),
            Some(_) => Err(Status::already_exists("the user has a profile already")),
        });
        create.await?;
        Ok(Response::new(CreateReply {}))
    }

    async fn view(&self, request: Request<ViewRequest>) -> Result<Response<Profile>, Status> {
        let user_id = request.into_inner().user_id;
        let guard = self.profiles.own(&user_id)?; // if another pod owns the key, the clerk retries there
        let profile = guard.get().await?; // from memory, or loaded once from the store
        Ok(Response::new(profile.as_ref().clone()))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let listen = args
        .next()
        .context("the first argument must be the listen address, such as 127.0.0.1:8081")?;
    let store = args
        .next()
        .context("the second argument must be the URL of the store, such as folder:///tmp/profiles")?;
    let assigner = args.next().unwrap_or_else(|| "http://127.0.0.1:7400".to_owned());

    let incoming = TcpIncoming::bind(listen.parse()?)?.with_nodelay(Some(true));
    let profiles = Slicelet::builder(TARGET)
        .assigner(assigner)
        .advertise(&listen)
        .store(Store::from_url(&store).await?)
        .values(Json::<Profile>::default())
        .memory_budget(ByteSize::gib(1))
        .writable()
        .start()
        .await?;
    Server::builder()
        .layer(profiles.request_layer()) // traces and logs a sample of the requests, if a subscriber records them
        .layer(profiles.forward_layer()) // forwards requests of clients without a clerk, if enabled for the target
        .add_routes(profiles.routes())
        .add_service(ProfilesServer::new(ProfilesService {
            profiles: profiles.clone(),
        }))
        .serve_with_incoming_shutdown(incoming, profiles.drained())
        .await?;
    profiles.shutdown().await;
    Ok(())
}
