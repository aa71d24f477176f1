//! Tests of the spool folder.
