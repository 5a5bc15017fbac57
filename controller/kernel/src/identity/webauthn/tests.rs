//! Registrations and proofs of the software authenticator, and everything that must not pass.

use proptest::prelude::*;

use super::*;
use crate::testing::authenticator::{Authenticator, Lie};

fn party() -> Party {
    Party::of("https://oss.isp.example").expect("a name")
}

/// A device with a key for us, and the key as we keep it.
fn registered(mut device: Authenticator) -> (Authenticator, NewKey) {
    let made = device.create(&party(), b"challenge", &[]);
    let key = register(&party(), &made.client_data, &made.attestation).expect("a key");
    (device, key)
}

/// What we say of a proof in which the device, or somebody between, lies.
fn proof(lies: &[Lie]) -> Result<Signed, PasskeyError> {
    let (mut device, key) = registered(Authenticator::es256());
    let proof = device.get(&party(), b"other challenge", lies);
    verify(
        &party(),
        &key.cose,
        &proof.client_data,
        &proof.authenticator_data,
        &proof.signature,
    )
}

#[test]
fn a_key_of_each_kind_registers_and_proves() {
    for device in [
        Authenticator::es256(),
        Authenticator::ed25519(),
        Authenticator::es256().with_extensions(),
    ] {
        let (mut device, key) = registered(device);
        assert_eq!(key.credential_id, device.credential_id());
        for count in 1..=3 {
            let proof = device.get(&party(), b"challenge", &[]);
            let signed = verify(
                &party(),
                &key.cose,
                &proof.client_data,
                &proof.authenticator_data,
                &proof.signature,
            );
            assert_eq!(signed.map(|signed| signed.sign_count), Ok(count));
        }
    }
}

#[test]
fn a_proof_that_lies_anywhere_proves_nothing() {
    assert!(proof(&[]).is_ok());
    assert_eq!(proof(&[Lie::Act]), Err(PasskeyError::OtherAct));
    assert!(matches!(
        proof(&[Lie::Origin("https://oss.isp.example.evil.example")]),
        Err(PasskeyError::OtherOrigin { .. })
    ));
    assert!(matches!(
        proof(&[Lie::CrossOrigin]),
        Err(PasskeyError::OtherOrigin { .. })
    ));
    assert_eq!(
        proof(&[Lie::Party("evil.example")]),
        Err(PasskeyError::OtherParty)
    );
    assert_eq!(proof(&[Lie::NobodyPresent]), Err(PasskeyError::NobodyPresent));
    assert_eq!(proof(&[Lie::UserNotVerified]), Err(PasskeyError::UserNotVerified));
    assert_eq!(proof(&[Lie::Signature]), Err(PasskeyError::WrongSignature));
    assert_eq!(proof(&[Lie::OtherKey]), Err(PasskeyError::WrongSignature));
}

#[test]
fn every_octet_that_is_signed_counts() {
    let (mut device, key) = registered(Authenticator::es256());
    let proof = device.get(&party(), b"challenge", &[]);
    let holds = |client_data: &[u8], data: &[u8], signature: &[u8]| {
        verify(&party(), &key.cose, client_data, data, signature).is_ok()
    };
    assert!(holds(
        &proof.client_data,
        &proof.authenticator_data,
        &proof.signature
    ));
    for at in 0..proof.client_data.len() {
        let mut changed = proof.client_data.clone();
        changed[at] ^= 1;
        assert!(!holds(&changed, &proof.authenticator_data, &proof.signature));
    }
    for at in 0..proof.authenticator_data.len() {
        let mut changed = proof.authenticator_data.clone();
        changed[at] ^= 1;
        assert!(!holds(&proof.client_data, &changed, &proof.signature));
    }
    for at in 0..proof.signature.len() {
        let mut changed = proof.signature.clone();
        changed[at] ^= 1;
        assert!(!holds(&proof.client_data, &proof.authenticator_data, &changed));
    }
}

#[test]
fn a_registration_cut_off_anywhere_is_refused() {
    let mut device = Authenticator::es256();
    let made = device.create(&party(), b"challenge", &[]);
    for length in 0..made.attestation.len() {
        let cut = register(&party(), &made.client_data, &made.attestation[..length]);
        assert!(matches!(cut, Err(PasskeyError::Malformed { .. })), "{length}");
    }
    let longer = [made.attestation.as_slice(), &[0]].concat();
    assert!(register(&party(), &made.client_data, &longer).is_err());
    let of_a_proof = device.get(&party(), b"challenge", &[]);
    assert_eq!(
        register(&party(), &of_a_proof.client_data, &made.attestation),
        Err(PasskeyError::OtherAct)
    );
}

#[test]
fn a_key_we_could_not_verify_is_not_kept() {
    // ES384 (-35) on P-384, and P-256 with an algorithm that is not its own.
    for cose in [
        &[0xa3, 1, 2, 3, 0x38, 34, 0x20, 2][..],
        &[0xa3, 1, 2, 3, 0x27, 0x20, 1][..],
    ] {
        assert_eq!(key::PublicKey::read(cose), Err(PasskeyError::UnknownAlgorithm));
    }
    assert!(matches!(
        key::PublicKey::read(&[0xa3, 1, 2, 3, 0x26, 0x20, 1]),
        Err(PasskeyError::Malformed { .. })
    ));
}

#[test]
fn a_counter_that_goes_back_means_a_copy() {
    for (stored, now, plausible) in [
        (0, 0, true),
        (0, 1, true),
        (5, 6, true),
        (5, 5, false),
        (5, 4, false),
        (5, 0, false),
    ] {
        assert_eq!(
            counter_is_plausible(stored, now),
            plausible,
            "{stored} then {now}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_a_browser_sends_is_refused_or_read(
        client_data in proptest::collection::vec(any::<u8>(), 0..200),
        octets in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let _ = ClientData::read(&client_data);
        let _ = AuthenticatorData::read(&octets);
        let _ = key::PublicKey::read(&octets);
        let _ = authenticator::data_of_attestation(&octets);
        prop_assert!(register(&party(), &client_data, &octets).is_err());
    }

    #[test]
    fn a_registration_with_an_octet_changed_is_refused_or_of_the_same_device(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut device = Authenticator::es256();
        let made = device.create(&party(), b"challenge", &[]);
        let mut changed = made.attestation.clone();
        let at = at.index(changed.len());
        changed[at] = to;
        // Without an attestation nothing is signed; it must be read without harm, and that is all.
        let _ = register(&party(), &made.client_data, &changed);
    }
}
