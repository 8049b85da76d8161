//! A connection that dies without a word: what a network partition looks like from both ends.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Passes bytes on until it is frozen; then it keeps its connections open and says nothing more.
pub(crate) struct FrozenLink {
    pub(crate) address: String,
    pub(crate) freeze: CancellationToken,
}

impl FrozenLink {
    pub(crate) async fn to(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let freeze = CancellationToken::new();
        let link = Self {
            address: listener.local_addr().unwrap().to_string(),
            freeze: freeze.clone(),
        };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(pass_on(near, far, freeze.clone()));
            }
        });
        link
    }
}

async fn pass_on(mut near: TcpStream, mut far: TcpStream, freeze: CancellationToken) {
    let passing = copy_bidirectional(&mut near, &mut far);
    if freeze.run_until_cancelled(passing).await.is_none() {
        // Both ends stay open, and hear nothing, for as long as the test runs.
        std::future::pending().await
    }
}
