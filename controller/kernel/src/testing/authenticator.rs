//! A passkey in software, for tests: makes keys and signs with them as a telephone does, and lies when it is told to.
//! Never part of the program.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::identity::webauthn::Party;

/// A device with one key.
pub struct Authenticator {
    /// Its key.
    pair: Pair,
    /// How it calls it.
    credential_id: Vec<u8>,
    /// Signatures made.
    pub count: u32,
    /// Whether it sends extensions that nobody asked for.
    extensions: bool,
}

/// The kinds of key it has.
enum Pair {
    /// On P-256.
    Es256(Box<EcdsaKeyPair>),
    /// On Ed25519.
    Ed25519(Ed25519KeyPair),
}

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Takes a login for a registration, and the other way round.
    Act,
    /// Was on another page.
    Origin(&'static str),
    /// Was inside a foreign page.
    CrossOrigin,
    /// Signs for another server.
    Party(&'static str),
    /// Signs though nobody touched it.
    NobodyPresent,
    /// Signs without looking who touched it.
    UserNotVerified,
    /// Signs something else.
    Signature,
    /// Signs with another key.
    OtherKey,
}

/// A registration.
pub struct Made {
    /// What the browser saw.
    pub client_data: Vec<u8>,
    /// The attestation object.
    pub attestation: Vec<u8>,
}

/// A proof.
pub struct Proof {
    /// What the browser saw.
    pub client_data: Vec<u8>,
    /// What the device says.
    pub authenticator_data: Vec<u8>,
    /// Over both.
    pub signature: Vec<u8>,
}

impl Authenticator {
    /// With a key on P-256, as telephones have.
    pub fn es256() -> Self {
        Self::with(Pair::es256())
    }

    /// With a key on Ed25519.
    pub fn ed25519() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
        Self::with(Pair::Ed25519(pair))
    }

    /// The same, sending extensions.
    #[must_use]
    pub fn with_extensions(self) -> Self {
        Self {
            extensions: true,
            ..self
        }
    }

    /// With this key.
    fn with(pair: Pair) -> Self {
        let mut credential_id = vec![0; 32];
        getrandom::fill(&mut credential_id).expect("randomness");
        Self {
            pair,
            credential_id,
            count: 0,
            extensions: false,
        }
    }

    /// How it calls its key.
    pub fn credential_id(&self) -> &[u8] {
        &self.credential_id
    }

    /// Makes its key known.
    pub fn create(&mut self, party: &Party, challenge: &[u8], lies: &[Lie]) -> Made {
        let mut data = self.head(party, 0x40, lies);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(
            &u16::try_from(self.credential_id.len())
                .expect("short")
                .to_be_bytes(),
        );
        data.extend_from_slice(&self.credential_id);
        data.extend_from_slice(&self.pair.cose());
        data.extend_from_slice(self.tail());
        let mut attestation = vec![0xa3];
        attestation.extend_from_slice(&[0x63, b'f', b'm', b't', 0x64, b'n', b'o', b'n', b'e']);
        attestation.extend_from_slice(&[0x67]);
        attestation.extend_from_slice(b"attStmt");
        attestation.push(0xa0);
        attestation.push(0x68);
        attestation.extend_from_slice(b"authData");
        attestation.push(0x59);
        attestation.extend_from_slice(&u16::try_from(data.len()).expect("short").to_be_bytes());
        attestation.extend_from_slice(&data);
        Made {
            client_data: client_data("webauthn.create", party, challenge, lies),
            attestation,
        }
    }

    /// Signs a challenge.
    pub fn get(&mut self, party: &Party, challenge: &[u8], lies: &[Lie]) -> Proof {
        self.count += 1;
        let mut authenticator_data = self.head(party, 0, lies);
        authenticator_data.extend_from_slice(self.tail());
        let client_data = client_data("webauthn.get", party, challenge, lies);
        let mut message = authenticator_data.clone();
        message.extend_from_slice(&Sha256::digest(&client_data));
        if lies.contains(&Lie::Signature) {
            message.push(0);
        }
        let signature = match lies.contains(&Lie::OtherKey) {
            true => Pair::es256().sign(&message),
            false => self.pair.sign(&message),
        };
        Proof {
            client_data,
            authenticator_data,
            signature,
        }
    }

    /// Answers the options of a registration, as a browser's `toJSON()` does.
    pub fn answer_creation(&mut self, party: &Party, options: &Value, lies: &[Lie]) -> Value {
        let made = self.create(party, &challenge_of(options), lies);
        json!({
            "id": b64(&self.credential_id), "rawId": b64(&self.credential_id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(&made.client_data), "attestationObject": b64(&made.attestation),
                "transports": ["internal"],
            },
        })
    }

    /// Answers the options of a login or another proof, as a browser's `toJSON()` does.
    pub fn answer_request(&mut self, party: &Party, options: &Value, lies: &[Lie]) -> Value {
        let proof = self.get(party, &challenge_of(options), lies);
        json!({
            "id": b64(&self.credential_id), "rawId": b64(&self.credential_id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(&proof.client_data), "authenticatorData": b64(&proof.authenticator_data),
                "signature": b64(&proof.signature), "userHandle": null,
            },
        })
    }

    /// What every message of the device begins with.
    fn head(&self, party: &Party, more: u8, lies: &[Lie]) -> Vec<u8> {
        let party = lies
            .iter()
            .find_map(|lie| match lie {
                Lie::Party(party) => Some(*party),
                _ => None,
            })
            .unwrap_or(party.id());
        let mut flags = more | 0x05;
        if lies.contains(&Lie::NobodyPresent) {
            flags &= !0x01;
        }
        if lies.contains(&Lie::UserNotVerified) {
            flags &= !0x04;
        }
        if self.extensions {
            flags |= 0x80;
        }
        let mut data = Sha256::digest(party.as_bytes()).to_vec();
        data.push(flags);
        data.extend_from_slice(&self.count.to_be_bytes());
        data
    }

    /// What every message ends with.
    fn tail(&self) -> &'static [u8] {
        match self.extensions {
            // {"credProtect": 2}
            true => &[
                0xa1, 0x6b, b'c', b'r', b'e', b'd', b'P', b'r', b'o', b't', b'e', b'c', b't', 2,
            ],
            false => &[],
        }
    }
}

impl Pair {
    /// A fresh one on P-256.
    fn es256() -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).expect("a key");
        Self::Es256(Box::new(pair))
    }

    /// Its public half as COSE_Key.
    fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                [
                    &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32],
                    x,
                    &[0x22, 0x58, 32],
                    y,
                ]
                .concat()
            }
            Self::Ed25519(pair) => {
                let point = pair.public_key().as_ref();
                [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32], point].concat()
            }
        }
    }

    /// Signs.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .expect("a signature")
                .as_ref()
                .to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// What a browser would say it saw.
fn client_data(act: &str, party: &Party, challenge: &[u8], lies: &[Lie]) -> Vec<u8> {
    let act = match (lies.contains(&Lie::Act), act) {
        (false, act) => act,
        (true, "webauthn.get") => "webauthn.create",
        (true, _) => "webauthn.get",
    };
    let origin = lies.iter().find_map(|lie| match lie {
        Lie::Origin(origin) => Some(*origin),
        _ => None,
    });
    let seen = json!({
        "type": act, "challenge": b64(challenge), "origin": origin.unwrap_or(party.origin()),
        "crossOrigin": lies.contains(&Lie::CrossOrigin),
    });
    seen.to_string().into_bytes()
}

/// The challenge in the options that a server gave.
fn challenge_of(options: &Value) -> Vec<u8> {
    let text = options["publicKey"]["challenge"].as_str().expect("a challenge");
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// base64url.
fn b64(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}
