//! The demonstration platform: loopback servers that speak the real protocols.

pub mod demo;
pub mod faults;
pub mod ingress;
pub mod kube;
pub mod postgres;
pub mod prometheus;
pub mod resp;
pub mod world;
