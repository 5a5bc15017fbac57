//! All SQL of tenancy, one file a resource. Never holds a rule; deleted rows are invisible from here up.

pub mod client;
pub mod deletion;
pub mod partner;
pub mod setting;
pub mod site;
