//! An OTLP collector in this process, which keeps what it receives.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;
use tonic::{Request, Response, Status, async_trait};

use crate::grpc_server::serve;

/// Accepts traces and metrics until it is dropped.
#[derive(Debug)]
pub struct OtlpCollector {
    /// The address of its gRPC services on loopback, with a port that was free.
    pub address: SocketAddr,
    received: Arc<Mutex<Received>>,
    _stop_on_drop: DropGuard,
}

/// A span with texts in place of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// The attribute `service.name` of its process.
    pub service: String,
    /// As it was created, such as `emberkeep.call`.
    pub name: String,
    /// The id of its trace, in hexadecimal.
    pub trace_id: String,
    /// Its id, in hexadecimal.
    pub span_id: String,
    /// The id of its parent; empty if it has none.
    pub parent_id: String,
    /// Its attributes as texts.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Received {
    spans: Vec<ReceivedSpan>,
    /// Of each export, with the attribute `service.name` of its process.
    metrics: Vec<(String, Metric)>,
}

impl OtlpCollector {
    /// A collector that accepts everything.
    pub async fn start() -> Self {
        Self::start_as(false).await
    }

    /// A collector that accepts connections and requests, and never answers.
    pub async fn hanging() -> Self {
        Self::start_as(true).await
    }

    async fn start_as(hangs: bool) -> Self {
        let stop = CancellationToken::new();
        let received = Arc::<Mutex<Received>>::default();
        let service = CollectorService {
            received: Arc::clone(&received),
            hangs,
        };
        let routes = Routes::new(TraceServiceServer::new(service.clone()));
        let routes = routes.add_service(MetricsServiceServer::new(service));
        Self {
            address: serve(routes, stop.clone()).await,
            received,
            _stop_on_drop: stop.drop_guard(),
        }
    }

    /// Its address as exporters need it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans received so far.
    #[must_use]
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        lock(&self.received).spans.clone()
    }

    /// The metrics received so far from processes of this kind, of all exports.
    #[must_use]
    pub fn metrics_of(&self, service: &str) -> Vec<Metric> {
        let received = lock(&self.received);
        let of_service = received.metrics.iter().filter(|(of, _)| of == service);
        of_service.map(|(_, metric)| metric.clone()).collect()
    }
}

#[derive(Debug, Clone)]
struct CollectorService {
    received: Arc<Mutex<Received>>,
    hangs: bool,
}

impl CollectorService {
    async fn hang_or_answer(&self) {
        if self.hangs {
            pending().await
        }
    }
}

#[async_trait]
impl TraceService for CollectorService {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.hang_or_answer().await;
        for resource in request.into_inner().resource_spans {
            let service = service_name(resource.resource.as_ref());
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            lock(&self.received)
                .spans
                .extend(spans.map(|span| received(&service, span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[async_trait]
impl MetricsService for CollectorService {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.hang_or_answer().await;
        for resource in request.into_inner().resource_metrics {
            let service = service_name(resource.resource.as_ref());
            let metrics = resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            let metrics = metrics.map(|metric| (service.clone(), metric));
            lock(&self.received).metrics.extend(metrics);
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn received(service: &str, span: Span) -> ReceivedSpan {
    ReceivedSpan {
        service: service.to_owned(),
        name: span.name,
        trace_id: hexadecimal(&span.trace_id),
        span_id: hexadecimal(&span.span_id),
        parent_id: hexadecimal(&span.parent_span_id),
        attributes: span.attributes.into_iter().map(text_of).collect(),
    }
}

fn service_name(resource: Option<&Resource>) -> String {
    let attributes = resource.map(|resource| resource.attributes.as_slice());
    let name = attributes.unwrap_or_default().iter();
    let name = name.cloned().map(text_of).find(|(key, _)| key == "service.name");
    name.map(|(_, value)| value).unwrap_or_default()
}

fn text_of(attribute: KeyValue) -> (String, String) {
    let value = match attribute.value {
        Some(AnyValue {
            value: Some(Value::StringValue(text)),
        }) => text,
        other => format!("{other:?}"),
    };
    (attribute.key, value)
}

fn hexadecimal(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}
