//! The pure brains of Emberkeep: what is decided, without clock, socket or chance.

pub mod assigner;
