//! The kernel's own routes: translate in, call one verb, translate out. Never holds a rule.

mod api_keys;
mod approvals;
mod audit;
mod clients;
mod deletion;
mod events;
mod integrations;
mod jobs;
mod login_sessions;
mod me;
mod onboarding;
mod partners;
mod passkeys;
mod roles;
mod second_factor;
mod sessions;
mod settings;
mod setup;
mod sites;
mod sso;
mod users;
mod webhooks;
mod workflows;

use super::api::ApiRoutes;
use crate::kernel::Kernel;

/// All of them.
pub fn routes() -> ApiRoutes<Kernel> {
    [
        setup::routes(),
        sessions::routes(),
        me::routes(),
        second_factor::routes(),
        passkeys::routes(),
        login_sessions::routes(),
        approvals::routes(),
        sso::routes(),
        partners::routes(),
        onboarding::routes(),
        deletion::routes(),
        settings::routes(),
        integrations::routes(),
        clients::routes(),
        sites::routes(),
        users::routes(),
        roles::routes(),
        api_keys::routes(),
        audit::routes(),
        events::routes(),
        webhooks::routes(),
        jobs::routes(),
        workflows::routes(),
    ]
    .into_iter()
    .fold(ApiRoutes::new("kernel"), ApiRoutes::merge)
}
