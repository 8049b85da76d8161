//! The control plane: Raft, sessions, watches and the admin service around the assigner brain.

pub mod raft;
