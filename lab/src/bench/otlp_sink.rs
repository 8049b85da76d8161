//! A collector that accepts everything and keeps nothing.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use emberkeep_runtime::serve::{bind, incoming, server_builder};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status, async_trait};

use crate::LabError;

/// Listens on loopback until it is dropped.
#[derive(Debug)]
pub(super) struct OtlpSink {
    pub(super) url: String,
    span_count: Arc<AtomicU64>,
    _stop_on_drop: DropGuard,
}

impl OtlpSink {
    pub(super) async fn start() -> Result<Self, LabError> {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).await.map_err(LabError::failed)?;
        let address = listener.local_addr().map_err(LabError::failed)?;
        let stop = CancellationToken::new();
        let span_count = Arc::<AtomicU64>::default();
        let service = SinkService(Arc::clone(&span_count));
        let served = server_builder()
            .add_service(TraceServiceServer::new(service.clone()))
            .add_service(MetricsServiceServer::new(service))
            .serve_with_incoming_shutdown(incoming(listener), stop.clone().cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the sink of telemetry failed");
            }
        });
        Ok(Self {
            url: format!("http://{address}"),
            span_count,
            _stop_on_drop: stop.drop_guard(),
        })
    }

    /// The number of spans received so far.
    pub(super) fn span_count(&self) -> u64 {
        self.span_count.load(Relaxed)
    }
}

#[derive(Debug, Clone)]
struct SinkService(Arc<AtomicU64>);

#[async_trait]
impl TraceService for SinkService {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.get_ref().resource_spans.iter();
        let spans = resources
            .flat_map(|resource| &resource.scope_spans)
            .map(|scope| scope.spans.len() as u64);
        self.0.fetch_add(spans.sum(), Relaxed);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[async_trait]
impl MetricsService for SinkService {
    async fn export(
        &self,
        _: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
