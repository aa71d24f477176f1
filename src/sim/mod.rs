//! The demonstration platform: loopback servers that speak the real protocols.

pub mod demo;
pub mod kube;
pub mod resp;
pub mod world;
