//! Test support that several crates share. Only tests and benchmarks import it, as a dev-dependency. It depends on no role
//! (assigner, slicelet, clerk), so that each role can test with it.
//!
//! | stand-in for | module |
//! | --- | --- |
//! | the assigner | [`scripted_assigner`] for slicelets, [`assignment_server`] for watchers |
//! | a service that clerks call | [`string_service`], in a [`killable_runtime`] if it must be killed |
//! | a store that is slow or wrong | [`store_gates`], [`store_fault`], others with [`store_decorator`] |
//! | an unreliable network to a store | [`fault_proxy`] |
//! | a collector of traces and metrics | [`otlp_collector`] |
//! | a pod that is only described | [`pod`], with an [`assignment`] |
//! | a person in front of a page | [`chromium`] |
//! | a cluster of processes | [`process`], at an [`address`] |
//!
//! Tests wait with [`deadline`], read [`metrics`], and judge histories of appends by [`linearizability`].

pub mod address;
pub mod assignment;
pub mod assignment_server;
pub mod chromium;
pub mod deadline;
pub mod fault_proxy;
pub mod grpc_server;
pub mod killable_runtime;
pub mod linearizability;
pub mod metrics;
pub mod otlp_collector;
pub mod pod;
pub mod process;
pub mod scripted_assigner;
pub mod store_decorator;
pub mod store_fault;
pub mod store_gates;
pub mod string_service;
