//! All SQL of identity, one file a resource. Never holds a rule about who may do what.
//!
//! People, sessions and the set-up belong to no partner and have no `tenant_id`; what somebody is to a partner does,
//! and row-level security applies to it.

pub mod api_key;
pub mod approval;
pub mod challenge;
pub mod grant;
pub mod passkey;
pub mod role;
pub mod second_factor;
pub mod session;
pub mod setup;
pub mod sso;
pub mod user;
