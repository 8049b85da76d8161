//! The server library: owned keys, kept warm.
