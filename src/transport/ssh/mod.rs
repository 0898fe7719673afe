//! SSH.
pub mod host_keys;
