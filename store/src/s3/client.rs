//! The configuration of the SDK's client: deadlines, retries, TLS.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_smithy_http_client::Builder as HttpClient;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use super::{S3Settings, trust};
use crate::StoreError;

/// Bounds one operation with all its retries; an upload of 16 MiB must fit.
pub(super) const OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

const ATTEMPT_COUNT_MAX: u32 = 4;
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

pub(super) async fn client(settings: &S3Settings) -> Result<Client, StoreError> {
    let tls = HttpClient::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(trust::of(settings).await?)
        .build_https();
    let mut shared = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(tls)
        .region(region(settings))
        .timeout_config(timeouts())
        .retry_config(retries());
    if let Some(own) = &settings.credentials {
        shared = shared.credentials_provider(Credentials::new(
            &own.access_key,
            &own.secret_key,
            None,
            None,
            "settings",
        ));
    }
    // Requests are protected by signatures and replies by TCP checksums; many servers do not support the newer S3 checksums.
    let mut config = aws_sdk_s3::config::Builder::from(&shared.load().await)
        .force_path_style(settings.path_style)
        .retry_classifier(ConflictIsTransient)
        .retry_partition(budget())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = &settings.endpoint {
        config = config.endpoint_url(endpoint);
        if endpoint.starts_with("http://") {
            // So that plain HTTP works on a machine without root certificates.
            config = config.http_client(HttpClient::new().build_http());
        }
    }
    Ok(Client::from_conf(config.build()))
}

/// Replaces the SDK's default chain, which queries the instance metadata service last and waits seconds where there is none.
fn region(settings: &S3Settings) -> RegionProviderChain {
    RegionProviderChain::first_try(settings.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else("us-east-1")
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// The SDK's standard mode: exponential backoff with full jitter.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPT_COUNT_MAX)
        .with_initial_backoff(BACKOFF_MIN)
        .with_max_backoff(BACKOFF_MAX)
}

/// A retry budget for all operations on this store, not shared with other stores: a failing store must not exhaust theirs.
fn budget() -> RetryPartition {
    RetryPartition::custom("store")
        .token_bucket(TokenBucket::default())
        .build()
}

/// S3 replies 409 to a conditional write that conflicts with a concurrent one. Neither has won yet, so the write is retried.
#[derive(Debug)]
struct ConflictIsTransient;

impl ClassifyRetry for ConflictIsTransient {
    fn classify_retry(&self, attempt: &InterceptorContext) -> RetryAction {
        match attempt.response().map(|response| response.status().as_u16()) {
            Some(409) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "conflict is transient"
    }
}
