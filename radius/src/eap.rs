//! EAP packets as carried in EAP-Message (RFC 3748, RFC 3579), and what its methods put into them.
//!
//! Frames only: conversations, identifiers, challenges and TLS itself belong to the server.
//!
//! - [`packet`]: Code, Identifier, Length, Type.
//! - [`md5`] and [`mschapv2`]: the methods with frames of their own that prove a password.
//! - [`tls`]: a TLS flight in as many packets as it takes: EAP-TLS, EAP-TTLS, PEAP.
//! - [`avp`]: what is inside the tunnel of EAP-TTLS. [`peap`]: what is inside that of PEAP.

pub mod avp;
pub mod md5;
pub mod mschapv2;
pub mod packet;
pub mod peap;
pub mod tls;

pub use packet::{
    EapCode, EapError, EapView, method, write_failure, write_request, write_response, write_success,
};
