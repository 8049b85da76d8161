//! A service to copy: user profiles kept warm.
