//! The pure brains of Emberkeep: what is decided, without clock, socket or chance.
//!
//! Each role's brain is a module here, its hands are the crate of the same name; the simulator gives the very same
//! brains another pair of hands. Modules import only what stands before them:
//!
//! ```text
//! time, rate, warmth, brain, name <- pod, target <- keyspace, session_settings <- assignment <- load <- balancer <- assigner
//!                                                                             \---- slicelet, clerk
//! ```

pub mod assigner;
pub mod assignment;
pub mod balancer;
pub mod brain;
pub mod clerk;
pub mod keyspace;
pub mod load;
pub mod name;
pub mod pod;
pub mod rate;
pub mod session_settings;
pub mod slicelet;
pub mod target;
pub mod time;
pub mod warmth;
