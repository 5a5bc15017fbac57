//! Every route of the whole program, asked by everybody who must not pass: nobody, somebody without the permission,
//! somebody of another partner. A route added tomorrow is asked tomorrow.

use std::net::SocketAddr;
use std::sync::Arc;

use access::Access;
use kernel::Kernel;
use kernel::http::testing::assert_guarded;
use kernel::identity::Settings;
use kernel::secrets::Sealer;
use kernel::testing::TestDatabase;
use radius_server::{Config, Directory, Plane};

#[tokio::test(flavor = "multi_thread")]
async fn no_route_lets_the_wrong_one_in() {
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
    assert_guarded(&kernel, &api).await;
}
