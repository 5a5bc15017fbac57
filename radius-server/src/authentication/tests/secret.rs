//! A NAS whose shared secret is not ours.

use super::*;

#[test]
fn another_secret_is_never_answered_signed_or_not() {
    let mut desk = Desk::new();
    let foreign = b"another secret";
    let differs = Outcome::Dropped(DropReason::SecretDiffers);
    let request = Ask {
        secret: foreign,
        ..signed(1)
    }
    .pap("alice@demo", PASSWORD);
    let words = "present and wrong: the shared secret of the NAS differs from the one stored here";
    desk.check(&request, differs, words);
    let words = "PAP: the password decrypts to no text: the shared secret of the NAS differs from the one stored here";
    desk.check(
        &Ask {
            secret: foreign,
            ..plain(2)
        }
        .pap("alice@demo", PASSWORD),
        differs,
        words,
    );
    desk.check(
        &Ask {
            secret: foreign,
            ..plain(3)
        }
        .pap("mallory", PASSWORD),
        differs,
        words,
    );
    assert!(
        desk.ask(
            &Ask {
                secret: foreign,
                ..plain(4)
            }
            .pap("alice@demo", PASSWORD)
        )
        .reply
        .is_none()
    );
    let nas = desk.directory.nas_list().remove(0);
    assert_eq!(nas.stats.secret_differs.load(Ordering::Relaxed), 4);
    assert_eq!(nas.stats.rejects.load(Ordering::Relaxed), 0);
}

#[test]
fn a_password_that_is_no_text_is_only_wrong_when_the_signature_proves_the_secret() {
    let mut desk = Desk::new();
    let latin = |ask: Ask| {
        ask.build(|writer, secret| {
            writer.text(kind::USER_NAME, "alice@demo").expect("room");
            writer.password(b"caf\xe9", secret).expect("room");
        })
    };
    let wrong = Outcome::Rejected(RejectReason::WrongPassword);
    desk.check(
        &latin(signed(1)),
        wrong,
        "PAP: the password differs from the stored one",
    );
}
