//! The demonstration platform: loopback servers that speak the real protocols.

pub mod kube;
pub mod world;
