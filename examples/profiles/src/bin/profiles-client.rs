//! Calls the profiles service: `profiles-client create alice "Alice" "be kind"`, then `profiles-client view alice`.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use anyhow::bail;
use emberkeep_clerk::Clerk;
use emberkeep_example_profiles::TARGET;
use emberkeep_example_profiles::pb::profiles_client::ProfilesClient;
use emberkeep_example_profiles::pb::{Profile, ViewRequest};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let assigner = std::env::var("ASSIGNER").unwrap_or_else(|_| "http://127.0.0.1:7400".to_owned());
    let clerk = Clerk::builder(TARGET).assigner(assigner).connect().await?;
    clerk.ready(Duration::from_secs(10)).await?;

    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["create", user_id, name, motto] => {
            let profile = Profile {
                user_id: user_id.to_owned(),
                name: name.to_owned(),
                motto: motto.to_owned(),
            };
            ProfilesClient::new(clerk.for_key(user_id)).create(profile).await?;
            println!("created {user_id}");
        }
        ["view", user_id] => {
            let request = ViewRequest {
                user_id: user_id.to_owned(),
            };
            let mut profiles = ProfilesClient::new(clerk.for_key(user_id).idempotent());
            let profile = profiles.view(request).await?.into_inner();
            println!("{}: {}", profile.name, profile.motto);
        }
        _ => bail!("usage: profiles-client create USER NAME MOTTO | view USER"),
    }
    Ok(())
}
