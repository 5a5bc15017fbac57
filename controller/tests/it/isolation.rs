//! Every route of the whole program, asked by everybody who must not pass: nobody, somebody without the permission,
//! somebody of another partner; and by every built-in role, held against `docs/permissions.md`. A route added tomorrow is
//! asked tomorrow.

use std::net::SocketAddr;
use std::sync::Arc;

use access::Access;
use kernel::Kernel;
use kernel::http::Api;
use kernel::http::testing::assert_guarded;
use kernel::http::testing::matrix::{assert_matrix, permissions_page};
use kernel::identity::Settings;
use kernel::secrets::Sealer;
use kernel::testing::TestDatabase;
use radius_server::{Config, Directory, Plane};

/// The whole program's API over a database of its own.
struct Whole {
    /// Dropped last: its database goes with it.
    _test: TestDatabase,
    /// Its directory.
    _dir: tempfile::TempDir,
    /// The access plane, which listens nowhere.
    _plane: Plane,
    /// The kernel.
    kernel: Kernel,
    /// The API.
    api: Api,
}

async fn whole() -> Whole {
    let test = TestDatabase::new().await;
    let kernel = Kernel::new(
        test.database().clone(),
        Sealer::from_key([7; 32]),
        Settings::default(),
    )
    .unwrap();
    kernel.start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let anywhere = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    let config = Config {
        auth: anywhere.clone(),
        accounting: anywhere,
        ..Config::new(dir.path().join("journal"))
    };
    let plane = Plane::prepare(config, Arc::new(Directory::new())).unwrap();
    let coa = coa::Coa::start(coa::Timing::default()).await.unwrap();
    let access = Access::open(&kernel, &plane, coa, dir.path(), Arc::default()).unwrap();
    access.load(&plane).await.unwrap();
    let api = kernel::http::serve_router(kernel.clone(), vec![access.routes()]);
    Whole {
        _test: test,
        _dir: dir,
        _plane: plane,
        kernel,
        api,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_lets_the_wrong_one_in() {
    let Whole { kernel, api, .. } = &whole().await;
    for path in [
        "/partners",
        "/partners/{partner_id}/nas",
        "/radius/unknown-sources",
        "/partners/{partner_id}/intents/{intent_id}",
    ] {
        assert!(
            api.routes.iter().any(|route| route.path == path),
            "{path} is not in the table"
        );
    }
    assert_guarded(kernel, api).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_describes_what_is_served() {
    let Whole { api, .. } = &whole().await;
    assert_eq!(
        headend::openapi::text().unwrap(),
        kernel::http::openapi::text(&api.openapi).unwrap(),
        "a module is missing in controller/src/openapi.rs or in serve/assembly.rs"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_the_reviewed_page_says_and_nothing_else() {
    let Whole { kernel, api, .. } = &whole().await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/permissions.md");
    let page = permissions_page(api);
    if std::env::var_os("UPDATE_PERMISSIONS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert_eq!(
        page,
        std::fs::read_to_string(path).unwrap(),
        "run once with UPDATE_PERMISSIONS=1 and review the change of docs/permissions.md"
    );
    let asked = assert_matrix(kernel, api).await;
    assert!(asked > 1000, "{asked} requests are too few to believe this test");
}
