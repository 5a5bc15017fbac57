//! What the kernel promises, seen from outside: one module a subject.

mod audit;
mod authz;
mod conventions;
mod database;
mod database_external;
mod database_private;
mod events;
mod hostile;
mod http;
mod integration;
mod keys_and_roles;
mod login;
mod openbao;
mod outbound;
mod passkeys;
mod schema;
mod second_factor;
mod sessions;
mod setup;
mod sso;
mod systems;
mod sso_foreign;
mod tenancy;
mod users;
mod vault;
mod world;
