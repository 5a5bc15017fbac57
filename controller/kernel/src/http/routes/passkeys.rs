//! Passkeys over HTTP. What browsers are given and what they send has the shape of the standard's own JSON, so that a page needs
//! no more than `PublicKeyCredential.parseCreationOptionsFromJSON` and `credential.toJSON()`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use garde::Validate;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::second_factor::myself;
use super::sessions::{LoginView, signed_in};
use crate::error::{Error, FieldError};
use crate::http::{Access, ApiRoutes, Data, Path, Problem, Surface, Valid, routes};
use crate::id::PasskeyId;
use crate::identity::Principal;
use crate::identity::challenge::CHALLENGE_S_MAX;
use crate::identity::passkey::{Assertion, CreationOptions, Passkey, Registration, RequestOptions};
use crate::identity::webauthn::key::ALGORITHMS;
use crate::kernel::Kernel;
use crate::op::OpContext;

/// The routes.
pub fn routes() -> ApiRoutes<Kernel> {
    ApiRoutes::new("passkeys")
        .add(Access::SignedIn, routes!(passkey_list))
        .add(Access::SignedIn, routes!(passkey_begin))
        .add(Access::SignedIn, routes!(passkey_add))
        .add(Access::SignedIn, routes!(passkey_remove))
        .add(
            Access::Public("this is where a credential comes from"),
            routes!(passkey_login_begin),
        )
        .add(
            Access::Public("this is where a credential comes from"),
            routes!(passkey_login),
        )
        .add(Access::SignedIn, routes!(passkey_prove_begin))
        .add(Access::SignedIn, routes!(passkey_prove))
}

/// A passkey.
#[derive(Serialize, ToSchema)]
struct PasskeyView {
    /// Its id.
    id: PasskeyId,
    /// What its owner calls it.
    name: String,
    /// Whether its maker's cloud copies it to other devices.
    backed_up: bool,
    /// When it was made known.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it last proved something.
    #[serde(with = "time::serde::rfc3339::option")]
    last_used_at: Option<OffsetDateTime>,
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name,
            backed_up: passkey.backed_up,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
        }
    }
}

/// What `navigator.credentials.create` takes.
#[derive(Serialize, ToSchema)]
struct CreationView {
    /// As the standard spells it.
    #[serde(rename = "publicKey")]
    public_key: CreationJson,
}

/// `PublicKeyCredentialCreationOptionsJSON`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreationJson {
    /// Who we are.
    rp: PartyJson,
    /// For whom.
    user: UserJson,
    /// To be signed, in base64url.
    challenge: String,
    /// The kinds of key that we verify, the best first.
    pub_key_cred_params: Vec<KindJson>,
    /// How long the challenge counts, in milliseconds.
    timeout: i64,
    /// Keys that are known already.
    exclude_credentials: Vec<DescriptorJson>,
    /// What the device must be able to do.
    authenticator_selection: SelectionJson,
    /// `none`: who made the device is not asked for.
    attestation: &'static str,
}

/// `PublicKeyCredentialRpEntity`.
#[derive(Serialize, ToSchema)]
struct PartyJson {
    /// The host name that keys are bound to.
    id: String,
    /// For people.
    name: &'static str,
}

/// `PublicKeyCredentialUserEntityJSON`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserJson {
    /// The person's id, in base64url.
    id: String,
    /// The account's name.
    name: String,
    /// The same.
    display_name: String,
}

/// `PublicKeyCredentialParameters`.
#[derive(Serialize, ToSchema)]
struct KindJson {
    /// `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The number COSE has for it.
    alg: i32,
}

/// `PublicKeyCredentialDescriptorJSON`.
#[derive(Serialize, ToSchema)]
struct DescriptorJson {
    /// `public-key`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// How the device calls the key, in base64url.
    id: String,
}

/// `AuthenticatorSelectionCriteria`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SelectionJson {
    /// `required`: who signs in need not say who he is first.
    resident_key: &'static str,
    /// `required`: the device asks for PIN or finger.
    user_verification: &'static str,
}

/// What `navigator.credentials.get` takes.
#[derive(Serialize, ToSchema)]
struct RequestView {
    /// As the standard spells it.
    #[serde(rename = "publicKey")]
    public_key: RequestJson,
}

/// `PublicKeyCredentialRequestOptionsJSON`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RequestJson {
    /// To be signed, in base64url.
    challenge: String,
    /// How long the challenge counts, in milliseconds.
    timeout: i64,
    /// The host name that keys are bound to.
    rp_id: String,
    /// The keys that would do; none: whichever the device has for us.
    allow_credentials: Vec<DescriptorJson>,
    /// `required`: the device asks for PIN or finger.
    user_verification: &'static str,
}

/// A new passkey.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasskeyBody {
    /// What its owner calls it.
    #[garde(length(chars, max = 100))]
    name: String,
    /// What the browser answered.
    #[garde(dive)]
    credential: RegistrationJson,
}

/// `RegistrationResponseJSON`; browsers send more than we read.
#[derive(Deserialize, Validate, ToSchema)]
struct RegistrationJson {
    /// The answer of the device.
    #[garde(dive)]
    response: AttestationJson,
}

/// `AuthenticatorAttestationResponseJSON`.
#[derive(Deserialize, Validate, ToSchema)]
struct AttestationJson {
    /// What the browser saw, in base64url.
    #[serde(rename = "clientDataJSON")]
    #[garde(length(max = 22_000))]
    client_data: String,
    /// What the device said, in base64url.
    #[serde(rename = "attestationObject")]
    #[garde(length(max = 22_000))]
    attestation: String,
}

/// A proof by a passkey.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
struct AssertionBody {
    /// What the browser answered.
    #[garde(dive)]
    credential: AuthenticationJson,
}

/// `AuthenticationResponseJSON`; browsers send more than we read.
#[derive(Deserialize, Validate, ToSchema)]
struct AuthenticationJson {
    /// Which key, in base64url.
    #[serde(rename = "rawId")]
    #[garde(length(max = 1_400))]
    raw_id: String,
    /// The answer of the device.
    #[garde(dive)]
    response: AssertionJson,
}

/// `AuthenticatorAssertionResponseJSON`.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssertionJson {
    /// What the browser saw, in base64url.
    #[serde(rename = "clientDataJSON")]
    #[garde(length(max = 22_000))]
    client_data: String,
    /// What the device said, in base64url.
    #[garde(length(max = 22_000))]
    authenticator_data: String,
    /// Over both, in base64url.
    #[garde(length(max = 22_000))]
    signature: String,
    /// Whose key it is, in base64url, where the device knows it.
    #[serde(default)]
    #[garde(length(max = 100))]
    user_handle: Option<String>,
}

/// Which passkey.
#[derive(Deserialize)]
struct PasskeyPath {
    /// It.
    passkey_id: PasskeyId,
}

/// Lists one's own passkeys.
#[utoipa::path(get, path = "/me/passkeys", responses((status = 200, body = Data<Vec<PasskeyView>>)))]
async fn passkey_list(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
) -> Result<Data<Vec<PasskeyView>>, Problem> {
    let keys = kernel.identity.passkey_list(&op, &myself(principal)?).await?;
    Ok(Data::one(&op, keys.into_iter().map(PasskeyView::from).collect()))
}

/// Begins to make a passkey known; wants a recent proof of who holds the session.
#[utoipa::path(post, path = "/me/passkeys/begin", responses((status = 200, body = Data<CreationView>)))]
async fn passkey_begin(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
) -> Result<Data<CreationView>, Problem> {
    let options = kernel.identity.passkey_begin(&op, &myself(principal)?).await?;
    Ok(Data::one(&op, options.into()))
}

/// Makes a passkey known; wants a recent proof of who holds the session.
#[utoipa::path(post, path = "/me/passkeys", request_body = PasskeyBody,
    responses((status = 201, body = Data<PasskeyView>)))]
async fn passkey_add(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Valid(body): Valid<PasskeyBody>,
) -> Result<Data<PasskeyView>, Problem> {
    let response = &body.credential.response;
    let mut reader = Reader::default();
    let registration = Registration {
        client_data: reader.octets("clientDataJSON", &response.client_data),
        attestation: reader.octets("attestationObject", &response.attestation),
    };
    reader.finish()?;
    let me = myself(principal)?;
    let made = kernel
        .identity
        .passkey_add(&op, &me, &body.name, &registration)
        .await?;
    Ok(Data::one(&op, made.into()).created())
}

/// Removes a passkey of one's own; wants a recent proof of who holds the session.
#[utoipa::path(delete, path = "/me/passkeys/{passkey_id}", params(("passkey_id" = PasskeyId, Path)),
    responses((status = 204)))]
async fn passkey_remove(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Path(path): Path<PasskeyPath>,
) -> Result<StatusCode, Problem> {
    let me = myself(principal)?;
    kernel.identity.passkey_remove(&op, &me, path.passkey_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a login by passkey.
#[utoipa::path(post, path = "/login/passkey/begin", responses((status = 200, body = Data<RequestView>)))]
async fn passkey_login_begin(
    State(kernel): State<Kernel>,
    op: OpContext,
) -> Result<Data<RequestView>, Problem> {
    Ok(Data::one(&op, kernel.identity.passkey_login_begin()?.into()))
}

/// Signs a person in by a passkey: neither name nor password nor code is asked for.
#[utoipa::path(post, path = "/login/passkey", request_body = AssertionBody,
    responses((status = 200, body = Data<LoginView>)))]
async fn passkey_login(
    State(kernel): State<Kernel>,
    surface: Surface,
    op: OpContext,
    headers: HeaderMap,
    Valid(body): Valid<AssertionBody>,
) -> Result<Response, Problem> {
    let user_agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let assertion = assertion(&body)?;
    let begun = kernel
        .identity
        .session_open_by_passkey(&op, &assertion, user_agent)
        .await?;
    signed_in(&kernel, surface, &op, &begun)
}

/// Begins to prove again, by a passkey, who holds the session.
#[utoipa::path(post, path = "/me/prove/passkey/begin", responses((status = 200, body = Data<RequestView>)))]
async fn passkey_prove_begin(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
) -> Result<Data<RequestView>, Problem> {
    let options = kernel
        .identity
        .passkey_prove_begin(&op, &myself(principal)?)
        .await?;
    Ok(Data::one(&op, options.into()))
}

/// Proves again, by a passkey, who holds the session.
#[utoipa::path(post, path = "/me/prove/passkey", request_body = AssertionBody, responses((status = 204)))]
async fn passkey_prove(
    State(kernel): State<Kernel>,
    op: OpContext,
    principal: Principal,
    Valid(body): Valid<AssertionBody>,
) -> Result<StatusCode, Problem> {
    let (me, assertion) = (myself(principal)?, assertion(&body)?);
    kernel
        .identity
        .session_prove_by_passkey(&op, &me, &assertion)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CreationOptions> for CreationView {
    fn from(options: CreationOptions) -> Self {
        let kind = |alg| KindJson {
            kind: "public-key",
            alg,
        };
        Self {
            public_key: CreationJson {
                rp: PartyJson {
                    id: options.party.id().to_owned(),
                    name: "Headend",
                },
                user: UserJson {
                    id: URL_SAFE_NO_PAD.encode(options.user.as_uuid().as_bytes()),
                    name: options.email.clone(),
                    display_name: options.email,
                },
                challenge: URL_SAFE_NO_PAD.encode(options.challenge),
                pub_key_cred_params: ALGORITHMS.map(kind).into(),
                timeout: CHALLENGE_S_MAX * 1000,
                exclude_credentials: descriptors(options.known),
                authenticator_selection: SelectionJson {
                    resident_key: "required",
                    user_verification: "required",
                },
                attestation: "none",
            },
        }
    }
}

impl From<RequestOptions> for RequestView {
    fn from(options: RequestOptions) -> Self {
        Self {
            public_key: RequestJson {
                challenge: URL_SAFE_NO_PAD.encode(options.challenge),
                timeout: CHALLENGE_S_MAX * 1000,
                rp_id: options.party.id().to_owned(),
                allow_credentials: descriptors(options.allowed),
                user_verification: "required",
            },
        }
    }
}

/// Keys as browsers name them.
fn descriptors(ids: Vec<Vec<u8>>) -> Vec<DescriptorJson> {
    let describe = |id: Vec<u8>| DescriptorJson {
        kind: "public-key",
        id: URL_SAFE_NO_PAD.encode(id),
    };
    ids.into_iter().map(describe).collect()
}

/// A proof as the browser sent it.
fn assertion(body: &AssertionBody) -> Result<Assertion, Problem> {
    let response = &body.credential.response;
    let mut reader = Reader::default();
    let assertion = Assertion {
        credential_id: reader.octets("rawId", &body.credential.raw_id),
        client_data: reader.octets("clientDataJSON", &response.client_data),
        authenticator_data: reader.octets("authenticatorData", &response.authenticator_data),
        signature: reader.octets("signature", &response.signature),
        user_handle: response
            .user_handle
            .as_deref()
            .map(|text| reader.octets("userHandle", text)),
    };
    reader.finish()?;
    Ok(assertion)
}

/// Reads base64url, and gathers what is none.
#[derive(Default)]
struct Reader {
    /// Members that are none.
    wrong: Vec<FieldError>,
}

impl Reader {
    /// The octets of a member; none, and a note, when it is no base64url.
    fn octets(&mut self, member: &str, text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap_or_else(|_| {
            let pointer = match member {
                "rawId" => "/credential/rawId".to_owned(),
                member => format!("/credential/response/{member}"),
            };
            self.wrong
                .push(FieldError::new(pointer, "use base64url without padding"));
            Vec::new()
        })
    }

    /// Refuses when something was none.
    fn finish(self) -> Result<(), Error> {
        match self.wrong.is_empty() {
            true => Ok(()),
            false => Err(Error::Invalid { fields: self.wrong }),
        }
    }
}
