//! After a stop: who was online is online again, named octet for octet as the NAS named him.

use radius::Code;
use radius::attribute::kind;
use serde_json::json;

use crate::nas::{FakeNas, Report};
use crate::world::{World, eventually};

#[tokio::test]
async fn open_sessions_survive_a_restart_and_can_still_be_ended() {
    let world = World::new().await;
    let isp = world.isp().await;
    let mut nas = FakeNas::at("127.61.4.1", "a secret of a NAS").await;
    world.admit(&isp, "bras-1", &nas).await;
    eventually(|| async { world.plane.directory().nas_by_source(nas.address()) }).await;
    let at = u32::try_from(time::OffsetDateTime::now_utc().unix_timestamp()).expect("32 bits") - 600;
    let octets: &[u8] = b"\x00\x81\xa2\xff";
    for (session, username) in [(&b"0x0081"[..], "texty"), (octets, "binary"), (b"plain", "gone")] {
        nas.account(
            world.accounting(),
            &Report {
                username,
                ..Report::new(1, session, at)
            },
        )
        .await;
    }
    let interim = Report {
        username: "texty",
        ..Report::new(3, b"0x0081", at + 300).with(300, 6_000_000_000, 7)
    };
    nas.account(world.accounting(), &interim).await;
    let stop = Report {
        username: "gone",
        ..Report::new(2, b"plain", at + 20).with(20, 1, 1)
    };
    nas.account(world.accounting(), &stop).await;
    eventually(|| async {
        (world.get(&isp, "sessions?state=closed").await.as_array()?.len() == 1).then_some(())
    })
    .await;

    let before = world.get(&isp, "sessions").await;
    let (test, dir) = world.stop().await;
    let test = test.expect("a database");
    // A new journal, as on a machine whose disk was replaced: only the database knows.
    std::fs::remove_dir_all(dir.path().join("journal")).expect("removed");
    let world = World::start(test.database().clone(), dir).await;
    let after = world.get(&isp, "sessions").await;
    assert_eq!(after.as_array().map(Vec::len), Some(2));
    for field in [
        "id",
        "username",
        "acct_session_id",
        "started_at",
        "octets_in",
        "framed_ip",
        "nas_port",
    ] {
        let column = |sessions: &serde_json::Value| -> Vec<_> {
            let mut values: Vec<_> = sessions
                .as_array()
                .expect("a list")
                .iter()
                .map(|s| s[field].to_string())
                .collect();
            values.sort();
            values
        };
        assert_eq!(column(&after), column(&before), "{field}");
    }
    for (username, session) in [("binary", octets), ("texty", b"0x0081")] {
        let id = world.session_of(&isp, username).await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let (path, reason) = (format!("sessions/{id}/disconnect"), json!({ "reason": "a test" }));
        let (_, request) = tokio::join!(
            world.post(&isp, &path, &reason),
            nas.told(Code::DisconnectAck, None)
        );
        assert_eq!(
            request.view().first(kind::ACCT_SESSION_ID),
            Some(session),
            "{username}"
        );
    }
    world.stop().await;
}
