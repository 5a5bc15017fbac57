//! Authorization: the closed list of permissions, the built-in roles, and their copy in the database.
//! Never knows who holds a role; `identity` does, and `http` asks.
//!
//! [`permission`] is the list; [`role`] the roles that ship; [`store`] writes both to the database at start.

pub mod permission;
pub mod role;
pub mod store;

pub use permission::{Permission, PermissionSet, UnknownPermission};
pub use role::{BUILT_IN, BuiltInRole};
pub use store::sync;
