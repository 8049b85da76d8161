//! A gRPC service of strings, `test.Strings`: one method of each kind that tests need, without generated code.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::uri::PathAndQuery;
use http_body::Body as HttpBody;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::server::{ClientStreamingService, NamedService, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

const UNARY: &str = "/test.Strings/Unary";
const SERVER_STREAMING: &str = "/test.Strings/ServerStreaming";
const CLIENT_STREAMING: &str = "/test.Strings/ClientStreaming";

/// Messages that the server streams.
pub type StringStream = BoxStream<'static, Result<String, Status>>;

/// The behaviour of the service for each kind of method.
pub trait StringHandler: Clone + Send + Sync + 'static {
    /// One string in, one string out.
    fn unary(self, request: Request<String>) -> impl Future<Output = Result<Response<String>, Status>> + Send;

    /// One string in, many out; unimplemented unless overridden.
    fn server_streaming(
        self,
        _: Request<String>,
    ) -> impl Future<Output = Result<Response<StringStream>, Status>> + Send {
        async { Err(Status::unimplemented("this service streams no answers")) }
    }

    /// Many strings in, one out; unimplemented unless overridden.
    fn client_streaming(
        self,
        _: Request<Streaming<String>>,
    ) -> impl Future<Output = Result<Response<String>, Status>> + Send {
        async { Err(Status::unimplemented("this service takes no streams")) }
    }
}

/// The service, to be added to a server. Requests may be of any size.
#[derive(Debug, Clone)]
pub struct StringService<H>(pub H);

/// A client of the service on any channel. Requests may be of any size.
#[derive(Debug, Clone)]
pub struct StringClient<S>(Grpc<S>);

impl<S> StringClient<S>
where
    S: GrpcService<Body>,
    S::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <S::ResponseBody as HttpBody>::Error: Into<Box<dyn StdError + Send + Sync>> + Send,
{
    /// A client that sends through `channel`.
    pub fn new(channel: S) -> Self {
        Self(Grpc::new(channel).max_encoding_message_size(usize::MAX))
    }

    /// Sends one string and receives one.
    ///
    /// # Errors
    /// The status that the channel or the service returns, for the other methods, too.
    pub async fn unary(&mut self, request: Request<String>) -> Result<Response<String>, Status> {
        self.ready().await?;
        self.0.unary(request, PathAndQuery::from_static(UNARY), codec()).await
    }

    /// Sends one string and receives a stream.
    ///
    /// # Errors
    /// As [`Self::unary`].
    pub async fn server_streaming(&mut self, request: Request<String>) -> Result<Response<Streaming<String>>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static(SERVER_STREAMING);
        self.0.server_streaming(request, path, codec()).await
    }

    /// Sends a stream and receives one string.
    ///
    /// # Errors
    /// As [`Self::unary`].
    pub async fn client_streaming(
        &mut self,
        messages: impl Stream<Item = String> + Send + 'static,
    ) -> Result<Response<String>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static(CLIENT_STREAMING);
        self.0.client_streaming(Request::new(messages), path, codec()).await
    }

    async fn ready(&mut self) -> Result<(), Status> {
        let ready = self.0.ready().await;
        ready.map_err(|error| Status::from_error(error.into()))
    }
}

impl<H> NamedService for StringService<H> {
    const NAME: &'static str = "test.Strings";
}

impl<H: StringHandler> tower::Service<http::Request<Body>> for StringService<H> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = Method(self.0.clone());
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(codec()).max_decoding_message_size(usize::MAX);
            Ok(match request.uri().path() {
                UNARY => grpc.unary(method, request).await,
                SERVER_STREAMING => grpc.server_streaming(method, request).await,
                CLIENT_STREAMING => grpc.client_streaming(method, request).await,
                other => Status::unimplemented(format!("there is no method {other}")).into_http(),
            })
        })
    }
}

/// A handler as tonic calls it, one trait for each kind of method.
struct Method<H>(H);

impl<H: StringHandler> UnaryService<String> for Method<H> {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(self.0.clone().unary(request))
    }
}

impl<H: StringHandler> ServerStreamingService<String> for Method<H> {
    type Response = String;
    type ResponseStream = StringStream;
    type Future = BoxFuture<'static, Result<Response<StringStream>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(self.0.clone().server_streaming(request))
    }
}

impl<H: StringHandler> ClientStreamingService<String> for Method<H> {
    type Response = String;
    type Future = BoxFuture<'static, Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<Streaming<String>>) -> Self::Future {
        Box::pin(self.0.clone().client_streaming(request))
    }
}

fn codec() -> ProstCodec<String, String> {
    ProstCodec::default()
}
