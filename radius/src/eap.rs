//! EAP packets as carried in EAP-Message (RFC 3748, RFC 3579), and the EAP-MD5 method.
//!
//! Frames only: conversations, identifiers and challenges belong to the server. [`packet`] reads and writes, [`md5`] is
//! the one method.

pub mod md5;
pub mod packet;

pub use packet::{
    EapCode, EapError, EapView, method, write_failure, write_request, write_response, write_success,
};
