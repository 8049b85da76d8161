//! A connection that dies silently, as in a network partition.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Forwards bytes until it is frozen; then it keeps its connections open and forwards nothing.
pub(crate) struct FrozenLink {
    pub(crate) address: SocketAddr,
    pub(crate) freeze: CancellationToken,
}

impl FrozenLink {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let freeze = CancellationToken::new();
        let link = Self {
            address: listener.local_addr().unwrap(),
            freeze: freeze.clone(),
        };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(address).await.unwrap();
                tokio::spawn(forward(near, far, freeze.clone()));
            }
        });
        link
    }
}

async fn forward(mut near: TcpStream, mut far: TcpStream, freeze: CancellationToken) {
    let forwarding = copy_bidirectional(&mut near, &mut far);
    if freeze.run_until_cancelled(forwarding).await.is_none() {
        // Both connections stay open for as long as the test runs.
        std::future::pending().await
    }
}
