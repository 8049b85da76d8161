//! Telemetry of the processes of this binary: traces and metrics by OTLP, with the feature `otlp`.

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
mod without_otlp;

#[cfg(feature = "otlp")]
pub(crate) use self::otlp::{Telemetry, TelemetryArgs};
#[cfg(not(feature = "otlp"))]
pub(crate) use self::without_otlp::{NoTelemetry as Telemetry, NoTelemetryArgs as TelemetryArgs};
