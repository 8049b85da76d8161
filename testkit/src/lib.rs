//! Test support that several crates share: a proxy that injects HTTP faults, a linearizability checker, and programs under
//! test as processes.
//!
//! Only tests and benchmarks import it, as a dev-dependency. It depends on no role (assigner, slicelet, clerk), so that each
//! role can test with it.

pub mod fault_proxy;
pub mod linearizability;
pub mod process;
