//! What the kernel promises, seen from outside: one module a subject.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod approvals;
mod audit;
mod authz;
mod conventions;
mod database;
mod database_external;
mod database_private;
mod deletion;
mod event_stream;
mod events;
mod hostile;
mod http;
mod integration;
mod jobs;
mod keys_and_roles;
mod kill;
mod login;
mod openbao;
mod outbound;
mod passkeys;
mod schema;
mod second_factor;
mod sessions;
mod setup;
mod sso;
mod sso_foreign;
mod systems;
mod tenancy;
mod users;
mod vault;
mod webhooks;
mod workflows;
mod world;
