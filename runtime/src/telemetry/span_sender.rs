//! Sends batches of spans to a collector.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;

use super::CollectorLink;

/// The exporter of a batch processor, whose thread is outside of the runtime: exports run as tasks of the runtime.
#[derive(Debug)]
pub(super) struct SpanSender {
    link: CollectorLink,
    runtime: Handle,
}

impl SpanSender {
    pub(super) fn new(link: CollectorLink) -> Self {
        Self {
            link,
            runtime: Handle::current(),
        }
    }
}

impl SpanExporter for SpanSender {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let link = self.link.clone();
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &link.resource_attributes()),
        };
        let export = self.runtime.spawn(async move {
            let mut client = TraceServiceClient::new(link.channel());
            link.exported("traces", client.export(request)).await.map(drop)
        });
        let failed = |reason: String| Err(OTelSdkError::InternalFailure(reason));
        match export.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => failed(status.message().to_owned()),
            // The runtime has ended, and the process is about to.
            Err(error) => failed(error.to_string()),
        }
    }
}
