//! ID tokens (OpenID Connect Core, section 2; RFC 7515, RFC 7517): signed by whom, for whom, until when. Values only.
//! Never takes `none` or a shared secret for a signature, and never lets a token choose how it is verified: the key says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;

/// The longest token, in octets.
pub const TOKEN_OCTETS_MAX: usize = 32 * 1024;
/// Most keys of a provider that are looked at.
const KEYS_MAX: usize = 64;
/// Most groups of a person that are looked at; the others are as if he were not in them.
pub const GROUPS_MAX: usize = 1000;
/// The longest name for somebody, in characters (section 2: 255 ASCII).
const SUBJECT_CHARS_MAX: usize = 255;
/// How far clocks may be apart, in seconds.
const SKEW_S: i64 = 60;
/// How old a token may be, in seconds: it was made for this login a moment ago.
const AGE_S_MAX: i64 = 10 * 60;

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("the provider's token cannot be read: {0}")]
    Malformed(&'static str),
    /// It is signed in a way that we do not verify.
    #[error("the provider's token is signed in a way that is not taken; RS256, ES256 and EdDSA are")]
    Algorithm,
    /// No key of the provider fits.
    #[error("the provider's token is signed with a key that the provider does not show")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the signature of the provider's token is wrong")]
    Signature,
    /// It was made for somebody or something else.
    #[error("the provider's token is for another {0}")]
    Other(&'static str),
    /// It is too old, or from the future.
    #[error("the provider's token does not count now; look at the clocks")]
    Time,
}

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// By whom.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// For which login.
    pub nonce: &'a str,
    /// Where groups are.
    pub groups_claim: &'a str,
}

/// What a token that is as it must be says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The provider's name for somebody.
    pub subject: String,
    /// His address, unless the provider says that it is not his.
    pub email: Option<String>,
    /// What people call him.
    pub name: Option<String>,
    /// His groups.
    pub groups: Vec<String>,
}

/// The keys a provider shows.
#[derive(Debug, Clone, Deserialize)]
pub struct KeySet {
    /// Them.
    keys: Vec<Key>,
}

/// One of them.
#[derive(Debug, Clone, Deserialize)]
struct Key {
    /// `RSA`, `EC`, `OKP`; others are passed over.
    kty: String,
    /// How tokens name it.
    kid: Option<String>,
    /// `sig`, when it says.
    #[serde(rename = "use")]
    usage: Option<String>,
    /// The one algorithm it is for, when it says.
    alg: Option<String>,
    /// The curve.
    crv: Option<String>,
    /// Modulus.
    n: Option<String>,
    /// Exponent.
    e: Option<String>,
    /// First coordinate.
    x: Option<String>,
    /// Second coordinate.
    y: Option<String>,
}

/// What stands before the claims.
#[derive(Deserialize)]
struct Header {
    /// How it claims to be signed.
    alg: String,
    /// With which key.
    kid: Option<String>,
    /// What must be understood; we understand nothing of that kind.
    crit: Option<Value>,
}

/// Verifies a token.
///
/// # Errors
/// Why it proves nothing.
pub fn verify(
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: OffsetDateTime,
) -> Result<Identified, TokenError> {
    if token.len() > TOKEN_OCTETS_MAX {
        return Err(TokenError::Malformed("it is too long"));
    }
    let (signed, signature) = token
        .rsplit_once('.')
        .ok_or(TokenError::Malformed("it has no parts"))?;
    let (header, claims) = signed
        .split_once('.')
        .ok_or(TokenError::Malformed("it has no parts"))?;
    let header: Header = read(header)?;
    if header.crit.is_some() {
        return Err(TokenError::Algorithm);
    }
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| TokenError::Malformed("its signature is no base64url"))?;
    keys.verify(&header, signed.as_bytes(), &signature)?;
    let claims: Map<String, Value> = read(claims)?;
    check(&claims, expected, now)
}

/// Decodes a part.
fn read<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let octets = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed("a part is no base64url"))?;
    serde_json::from_slice(&octets).map_err(|_| TokenError::Malformed("a part is not the JSON it should be"))
}

impl KeySet {
    /// Verifies with the key that the token names, or with the only one that could have signed it.
    fn verify(&self, header: &Header, message: &[u8], signed: &[u8]) -> Result<(), TokenError> {
        let kind = match header.alg.as_str() {
            "RS256" => "RSA",
            "ES256" => "EC",
            "EdDSA" => "OKP",
            _ => return Err(TokenError::Algorithm),
        };
        let fits = |key: &&Key| {
            key.kty == kind
                && key.usage.as_deref().is_none_or(|usage| usage == "sig")
                && key.alg.as_deref().is_none_or(|alg| alg == header.alg)
                && header
                    .kid
                    .as_ref()
                    .is_none_or(|kid| key.kid.as_ref() == Some(kid))
        };
        let mut fitting = self.keys.iter().take(KEYS_MAX).filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => key.verify(message, signed),
            _ => Err(TokenError::UnknownKey),
        }
    }
}

impl Key {
    /// Verifies a signature.
    fn verify(&self, message: &[u8], signed: &[u8]) -> Result<(), TokenError> {
        let octets = |member: &Option<String>| {
            member
                .as_ref()
                .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
                .ok_or(TokenError::UnknownKey)
        };
        let coordinate = |member: &Option<String>| {
            octets(member).and_then(|octets| match octets.len() {
                32 => Ok(octets),
                _ => Err(TokenError::UnknownKey),
            })
        };
        let verified = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (octets(&self.n)?, octets(&self.e)?);
                RsaPublicKeyComponents { n: &n, e: &e }.verify(
                    &signature::RSA_PKCS1_2048_8192_SHA256,
                    message,
                    signed,
                )
            }
            ("EC", Some("P-256")) => {
                let point = [vec![4], coordinate(&self.x)?, coordinate(&self.y)?].concat();
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signed)
            }
            ("OKP", Some("Ed25519")) => {
                UnparsedPublicKey::new(&signature::ED25519, coordinate(&self.x)?).verify(message, signed)
            }
            _ => return Err(TokenError::UnknownKey),
        };
        verified.map_err(|_| TokenError::Signature)
    }
}

/// Looks at the claims (section 3.1.3.7).
fn check(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    now: OffsetDateTime,
) -> Result<Identified, TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenError::Other("issuer"));
    }
    let ours = |audience: &Value| audience.as_str() == Some(expected.client_id);
    let (for_us, for_others) = match claims.get("aud") {
        Some(Value::Array(list)) => (list.iter().any(ours), list.len() > 1),
        Some(one) => (ours(one), false),
        None => (false, false),
    };
    let azp = text("azp");
    if !for_us || azp.is_some_and(|azp| azp != expected.client_id) || (for_others && azp.is_none()) {
        return Err(TokenError::Other("client"));
    }
    let nonce = text("nonce").unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(TokenError::Other("login"));
    }
    // Seconds, which some providers write with a fraction.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float saturates, and is compared afterwards"
    )]
    let instant = |name: &str| claims.get(name).and_then(Value::as_f64).map(|at| at as i64);
    let now = now.unix_timestamp();
    let (Some(until), Some(since)) = (instant("exp"), instant("iat")) else {
        return Err(TokenError::Malformed("it says no time"));
    };
    let over = now >= until.saturating_add(SKEW_S);
    let early = since > now.saturating_add(SKEW_S);
    let old = now > since.saturating_add(AGE_S_MAX);
    if over || early || old {
        return Err(TokenError::Time);
    }
    let subject = text("sub").unwrap_or_default();
    if subject.is_empty() || subject.chars().count() > SUBJECT_CHARS_MAX || subject.contains('\0') {
        return Err(TokenError::Malformed("it names nobody"));
    }
    let denied = claims
        .get("email_verified")
        .is_some_and(|verified| verified == &Value::Bool(false) || verified.as_str() == Some("false"));
    let groups = match claims.get(expected.groups_claim) {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .take(GROUPS_MAX)
            .map(str::to_owned)
            .collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    Ok(Identified {
        subject: subject.to_owned(),
        email: text("email").filter(|_| !denied).map(str::to_owned),
        name: text("name").map(str::to_owned),
        groups,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const EXPECTED: Expected<'_> = Expected {
        issuer: "https://op.example",
        client_id: "headend",
        nonce: "n-1",
        groups_claim: "groups",
    };

    fn now() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000)
    }

    fn claims() -> Value {
        let at = now().unix_timestamp();
        json!({ "iss": "https://op.example", "aud": "headend", "nonce": "n-1", "sub": "u1", "iat": at, "exp": at + 300,
            "email": "u1@isp.example", "email_verified": true, "groups": ["noc"] })
    }

    /// What comes of claims with one member replaced; null takes it out.
    #[track_caller]
    fn with(member: &str, value: Value) -> Result<Identified, TokenError> {
        let mut claims = claims();
        let members = claims.as_object_mut().expect("an object");
        match value {
            Value::Null => members.remove(member),
            value => members.insert(member.to_owned(), value),
        };
        check(members, &EXPECTED, now())
    }

    #[test]
    fn every_claim_that_must_fit_does() {
        assert!(with("x", json!(1)).is_ok());
        for issuer in [
            json!("https://op.example/"),
            json!("https://evil.example"),
            Value::Null,
        ] {
            assert_eq!(with("iss", issuer), Err(TokenError::Other("issuer")));
        }
        for audience in [
            json!("other"),
            json!(["other"]),
            json!(["headend", "other"]),
            Value::Null,
        ] {
            assert_eq!(with("aud", audience), Err(TokenError::Other("client")));
        }
        assert!(with("aud", json!(["headend"])).is_ok());
        assert_eq!(with("azp", json!("other")), Err(TokenError::Other("client")));
        for nonce in [json!("n-2"), json!("n-"), Value::Null, json!(1)] {
            assert_eq!(with("nonce", nonce), Err(TokenError::Other("login")));
        }
        let at = now().unix_timestamp();
        assert_eq!(with("exp", json!(at - 60)), Err(TokenError::Time));
        assert!(with("exp", json!(at - 59)).is_ok());
        assert_eq!(with("iat", json!(at + 61)), Err(TokenError::Time));
        assert_eq!(with("iat", json!(at - 601)), Err(TokenError::Time));
        assert!(with("exp", json!(1e300)).is_ok());
        assert!(matches!(with("exp", Value::Null), Err(TokenError::Malformed(_))));
        for subject in [
            json!(""),
            json!("x".repeat(256)),
            json!("a\0"),
            json!(7),
            Value::Null,
        ] {
            assert!(matches!(with("sub", subject), Err(TokenError::Malformed(_))));
        }
    }

    #[test]
    fn an_address_that_is_not_verified_is_none() {
        let email = |verified| with("email_verified", verified).map(|who| who.email);
        assert_eq!(email(json!(true)), Ok(Some("u1@isp.example".to_owned())));
        assert_eq!(email(Value::Null), Ok(Some("u1@isp.example".to_owned())));
        assert_eq!(email(json!(false)), Ok(None));
        assert_eq!(email(json!("false")), Ok(None));
    }

    #[test]
    fn groups_are_texts_and_nothing_else() {
        let groups = |groups| with("groups", groups).map(|who| who.groups);
        assert_eq!(
            groups(json!(["noc", 7, null, "staff"])),
            Ok(vec!["noc".to_owned(), "staff".to_owned()])
        );
        assert_eq!(groups(json!("noc")), Ok(vec!["noc".to_owned()]));
        assert_eq!(groups(json!({ "noc": true })), Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn whatever_a_provider_sends_is_refused(token in "[A-Za-z0-9._-]{0,200}", keys in "\\PC{0,100}") {
            let keys = serde_json::from_str(&keys).unwrap_or(KeySet { keys: Vec::new() });
            prop_assert!(verify(&token, &keys, &EXPECTED, now()).is_err());
        }
    }
}
