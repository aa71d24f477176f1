//! The demonstration platform: loopback servers that speak the real protocols.

pub mod demo;
pub mod kube;
pub mod postgres;
pub mod world;
