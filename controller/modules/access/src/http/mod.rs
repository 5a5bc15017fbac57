//! The routes of the access module: translate in, call one verb of [`crate::app`], translate out.
//! Never holds a rule and never sees SQL; who may call what stands beside each route.
//!
//! One file a resource. All but [`unknown_source`] live under one partner, whom the kernel puts into the operation.

pub mod admission;
pub mod bulk;
pub mod capability;
mod change;
pub mod defaults;
pub mod explain;
pub mod garden;
pub mod identity_policy;
pub mod import;
pub mod intent;
pub mod nas;
mod noted;
pub mod plan;
pub mod pool;
pub mod port_block;
pub mod preview;
mod quota;
pub mod realm;
pub mod search;
pub mod session;
pub mod simulate;
pub mod site_pools;
pub mod subscriber;
mod terms;
pub mod unknown_source;
mod usage;

use std::sync::Arc;

use kernel::authz::Permission;
use kernel::http::{Access, ApiRoutes, Page, routes};

use crate::app::App;
use crate::store::Window;

/// Every route, with the permission it needs.
pub fn routes() -> ApiRoutes<Arc<App>> {
    nas_routes()
        .merge(realm_routes())
        .merge(subscriber_routes())
        .merge(pool_routes())
        .merge(session_routes())
        .merge(bulk_routes())
        .merge(import_routes())
}

/// NAS and those who would be one.
fn nas_routes() -> ApiRoutes<Arc<App>> {
    ApiRoutes::new("nas")
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(nas::nas_list),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(nas::nas_create),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(nas::nas_get),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(nas::nas_update),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(nas::nas_delete),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(nas::nas_tighten),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(nas::nas_secret_rotate),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(nas::nas_secret_end),
        )
        .add(
            Access::PlatformNeeds(Permission::RadiusNasManage),
            routes!(unknown_source::unknown_source_list),
        )
}

/// Realms and home servers.
fn realm_routes() -> ApiRoutes<Arc<App>> {
    let read = || Access::Needs(Permission::RadiusSessionsRead);
    let manage = || Access::Needs(Permission::RadiusNasManage);
    ApiRoutes::new("realms")
        .add(read(), routes!(realm::home_server_list))
        .add(manage(), routes!(realm::home_server_create))
        .add(read(), routes!(realm::home_server_get))
        .add(manage(), routes!(realm::home_server_update))
        .add(manage(), routes!(realm::home_server_delete))
        .add(read(), routes!(realm::realm_list))
        .add(manage(), routes!(realm::realm_create))
        .add(read(), routes!(realm::realm_get))
        .add(manage(), routes!(realm::realm_update))
        .add(manage(), routes!(realm::realm_delete))
}

/// Plans and subscribers.
fn subscriber_routes() -> ApiRoutes<Arc<App>> {
    ApiRoutes::new("subscribers")
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(plan::plan_list),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(plan::plan_create),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(plan::plan_get),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(plan::plan_update),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersDelete),
            routes!(plan::plan_delete),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(subscriber::subscriber_list),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(subscriber::subscriber_create),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(subscriber::subscriber_get),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(subscriber::subscriber_update),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersDelete),
            routes!(subscriber::subscriber_delete),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(admission::plan_admission_get),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(admission::plan_admission_update),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(admission::subscriber_admission_get),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(admission::subscriber_admission_update),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(admission::subscriber_release),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(usage::usage_list),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(quota::plan_quota_get),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(quota::plan_quota_put),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersDelete),
            routes!(quota::plan_quota_delete),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(quota::subscriber_quota_get),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersWrite),
            routes!(quota::subscriber_quota_top_up),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(explain::radius_explain),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(simulate::radius_simulate),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(preview::radius_preview),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(defaults::defaults_get),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(defaults::defaults_update),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(defaults::nas_defaults_get),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(defaults::nas_defaults_update),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(garden::garden_get),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(garden::garden_put),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(garden::garden_delete),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(identity_policy::identity_policy_get),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(identity_policy::identity_policy_update),
        )
}

/// Address pools.
fn pool_routes() -> ApiRoutes<Arc<App>> {
    let read = || Access::Needs(Permission::RadiusSubscribersRead);
    let manage = || Access::Needs(Permission::RadiusNasManage);
    ApiRoutes::new("pools")
        .add(read(), routes!(pool::pool_list))
        .add(manage(), routes!(pool::pool_create))
        .add(read(), routes!(pool::pool_get))
        .add(manage(), routes!(pool::pool_update))
        .add(manage(), routes!(pool::pool_delete))
        .add(read(), routes!(site_pools::site_pools_get))
        .add(manage(), routes!(site_pools::site_pools_update))
}

/// Sessions and what is asked of them.
fn session_routes() -> ApiRoutes<Arc<App>> {
    ApiRoutes::new("sessions")
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(session::session_list),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(session::session_list_at),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(port_block::port_holder_list),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(port_block::port_blocks_add),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(session::session_get),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsDisconnect),
            routes!(session::session_disconnect),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(intent::intent_get),
        )
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(search::search),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(intent::intent_list),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsDisconnect),
            routes!(intent::session_reshape),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsDisconnect),
            routes!(intent::session_garden),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsDisconnect),
            routes!(intent::session_service),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(intent::session_policy_get),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(intent::session_policy_put),
        )
        .add(
            Access::Needs(Permission::RadiusSessionsRead),
            routes!(capability::nas_capability_list),
        )
        .add(
            Access::Needs(Permission::RadiusNasManage),
            routes!(capability::nas_capability_put),
        )
}

/// One thing that is wanted of many sessions.
fn bulk_routes() -> ApiRoutes<Arc<App>> {
    let read = || Access::Needs(Permission::RadiusSessionsRead);
    let act = || Access::Needs(Permission::RadiusSessionsDisconnect);
    ApiRoutes::new("session-bulks")
        .add(act(), routes!(bulk::session_bulk_preview))
        .add(act(), routes!(bulk::session_bulk_create))
        .add(read(), routes!(bulk::session_bulk_list))
        .add(read(), routes!(bulk::session_bulk_get))
        .add(act(), routes!(bulk::session_bulk_update))
        .add(read(), routes!(bulk::session_bulk_item_list))
}

/// Moving in from another system.
fn import_routes() -> ApiRoutes<Arc<App>> {
    let write = || Access::Needs(Permission::RadiusSubscribersWrite);
    let manage = || Access::Needs(Permission::RadiusNasManage);
    ApiRoutes::new("imports")
        .add(
            Access::Needs(Permission::RadiusSubscribersRead),
            routes!(import::import_list),
        )
        .add(write(), routes!(import::import_start))
        .add(write(), routes!(import::import_finish))
        .add(manage(), routes!(import::import_nas))
        .add(write(), routes!(import::import_groups))
        .add(write(), routes!(import::import_subscribers))
        .add(manage(), routes!(import::import_sessions))
        .add(manage(), routes!(import::import_port_blocks))
}

/// A page as the store wants it.
fn window(page: &Page) -> Window {
    Window {
        limit: page.limit(),
        offset: page.offset(),
    }
}
