//! The brains of Emberkeep: all decisions, as pure code without clocks, sockets or random numbers.
//!
//! The brain of each role is a module here, its hands are the crate of the same name; the simulator runs the same brains with
//! other hands. Modules import only modules to their left:
//!
//! ```text
//! time, rate, warmth, brain, name <- pod, target <- keyspace, session_settings <- assignment <- load
//!     <- quantity_text <- balancer <- assigner
//!                      \----------- slicelet, clerk
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
pub mod quantity_text;
pub mod rate;
pub mod session_settings;
pub mod slicelet;
pub mod target;
pub mod time;
pub mod warmth;
