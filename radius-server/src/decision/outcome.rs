//! How a request ended, as a closed set: for counters, for the database, for people, and for the subscriber.
//! What the subscriber reads never says whether his name or his password was wrong, nor why his partner suspended him.

use serde::{Deserialize, Serialize};

/// The one outcome of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Access-Accept.
    Accepted,
    /// Access-Challenge: half way through EAP.
    ChallengeSent,
    /// Access-Reject.
    Rejected(RejectReason),
    /// No answer.
    Dropped(DropReason),
}

/// Why a request was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// No User-Name, or one that is not text.
    NoUserName,
    /// The partner has no subscriber of this name.
    UnknownSubscriber,
    /// The password is wrong, or what CHAP, MS-CHAP or EAP-MD5 made of it.
    WrongPassword,
    /// Nothing is stored that a password could be compared with.
    NoCredential,
    /// The request carries nothing to compare.
    CredentialNotSent,
    /// The service is suspended.
    Suspended,
    /// The service has ended.
    Terminated,
    /// The service has run out.
    Expired,
    /// The partner itself is not active.
    PartnerSuspended,
    /// The NAS or the peer insists on a method that is not offered here.
    UnsupportedMethod,
    /// The EAP conversation went wrong.
    EapFailed,
    /// The attributes of the plan and the subscriber do not fit into one packet.
    ReplyTooLong,
    /// What is stored is not enough for the method, for example an NT hash for CHAP.
    CredentialUnfit,
    /// The TLS handshake of EAP failed.
    TlsFailed,
    /// The certificate of the peer is missing, of no CA of ours, out of its time, or revoked.
    CertificateRefused,
    /// The home server of the realm said no.
    HomeServerRejected,
    /// Logins of this realm are not taken.
    RealmRefused,
    /// As many of his logins are in as may be.
    TooManySessions,
    /// He may not come in from there.
    NotAllowedHere,
    /// He is bound to another device, port or line.
    BoundElsewhere,
    /// He is to be bound to something that the request does not say.
    BindingNotSent,
    /// The pool has no address left.
    PoolExhausted,
    /// The address that is his has gone to another login of his.
    AddressInUse,
    /// What his plan gives in a period is used up.
    QuotaUsedUp,
}

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The NAS's shared secret is not the one stored here.
    SecretDiffers,
    /// It must be signed and is not.
    MessageAuthenticatorMissing,
    /// Message-Authenticator has a wrong length or comes twice.
    MessageAuthenticatorMalformed,
    /// A reply could not be made: no randomness for an EAP challenge.
    NoReply,
    /// It takes long to answer, and too many of its kind wait.
    Busy,
    /// The home servers of the realm did not answer.
    HomeServerSilent,
    /// No home server of the realm lives.
    NoHomeServer,
    /// It came from here, or passed too many proxies.
    ProxyLoop,
    /// It cannot be written for a home server.
    NotSentOn,
}

/// Number of the first reject reason in a journalled decision; below are the outcomes without a reason.
const REJECTED_FROM: u8 = 16;
/// Number of the first drop reason in a journalled decision.
const DROPPED_FROM: u8 = 128;

impl Outcome {
    /// Its number in a journalled decision.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::ChallengeSent => 1,
            Self::Rejected(reason) => REJECTED_FROM + reason as u8,
            Self::Dropped(reason) => DROPPED_FROM + reason as u8,
        }
    }

    /// The outcome of a number, if it is one.
    pub(super) fn of_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Accepted),
            1 => Some(Self::ChallengeSent),
            DROPPED_FROM.. => {
                let reason = DropReason::ALL.get(usize::from(number - DROPPED_FROM))?;
                Some(Self::Dropped(*reason))
            }
            REJECTED_FROM.. => {
                let reason = RejectReason::ALL.get(usize::from(number - REJECTED_FROM))?;
                Some(Self::Rejected(*reason))
            }
            _ => None,
        }
    }

    /// The stable name: `accepted`, `challenge_sent`, or the reason.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::ChallengeSent => "challenge_sent",
            Self::Rejected(reason) => reason.as_str(),
            Self::Dropped(reason) => reason.as_str(),
        }
    }

    /// The packet that went out, as FreeRADIUS's `radpostauth.reply` says it; `dropped` when none did.
    #[must_use]
    pub const fn reply_name(self) -> &'static str {
        match self {
            Self::Accepted => "Access-Accept",
            Self::ChallengeSent => "Access-Challenge",
            Self::Rejected(_) => "Access-Reject",
            Self::Dropped(_) => "dropped",
        }
    }

    /// The outcome in a sentence for the staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::ChallengeSent => "challenge sent, waiting for the answer",
            Self::Rejected(reason) => reason.words(),
            Self::Dropped(reason) => reason.words(),
        }
    }
}

impl RejectReason {
    /// Every reason, in order; counters have one place for each. Its place is its number in a journalled decision: a new
    /// one goes to the end.
    pub const ALL: [Self; 24] = [
        Self::NoUserName,
        Self::UnknownSubscriber,
        Self::WrongPassword,
        Self::NoCredential,
        Self::CredentialNotSent,
        Self::Suspended,
        Self::Terminated,
        Self::Expired,
        Self::PartnerSuspended,
        Self::UnsupportedMethod,
        Self::EapFailed,
        Self::ReplyTooLong,
        Self::CredentialUnfit,
        Self::TlsFailed,
        Self::CertificateRefused,
        Self::HomeServerRejected,
        Self::RealmRefused,
        Self::TooManySessions,
        Self::NotAllowedHere,
        Self::BoundElsewhere,
        Self::BindingNotSent,
        Self::PoolExhausted,
        Self::AddressInUse,
        Self::QuotaUsedUp,
    ];

    /// The stable name, as in `radpostauth.reason` and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoUserName => "no_user_name",
            Self::UnknownSubscriber => "unknown_subscriber",
            Self::WrongPassword => "wrong_password",
            Self::NoCredential => "no_credential",
            Self::CredentialNotSent => "credential_not_sent",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
            Self::Expired => "expired",
            Self::PartnerSuspended => "partner_suspended",
            Self::UnsupportedMethod => "unsupported_method",
            Self::EapFailed => "eap_failed",
            Self::ReplyTooLong => "reply_too_long",
            Self::CredentialUnfit => "credential_unfit",
            Self::TlsFailed => "tls_failed",
            Self::CertificateRefused => "certificate_refused",
            Self::HomeServerRejected => "home_server_rejected",
            Self::RealmRefused => "realm_refused",
            Self::TooManySessions => "too_many_sessions",
            Self::NotAllowedHere => "not_allowed_here",
            Self::BoundElsewhere => "bound_elsewhere",
            Self::BindingNotSent => "binding_not_sent",
            Self::PoolExhausted => "pool_exhausted",
            Self::AddressInUse => "address_in_use",
            Self::QuotaUsedUp => "quota_used_up",
        }
    }

    /// The reason for the staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoUserName => "the request carries no usable User-Name",
            Self::UnknownSubscriber => "the partner has no subscriber with this user name",
            Self::WrongPassword => "the password differs from the stored one",
            Self::NoCredential => "no password is stored for this subscriber",
            Self::CredentialNotSent => "the request carries no credential",
            Self::Suspended => "the service is suspended",
            Self::Terminated => "the service is terminated",
            Self::Expired => "the service has expired",
            Self::PartnerSuspended => "the partner is not active",
            Self::UnsupportedMethod => "the authentication method is not offered here",
            Self::EapFailed => "the EAP conversation failed",
            Self::ReplyTooLong => "the reply attributes do not fit into one packet",
            Self::CredentialUnfit => {
                "what is stored for this subscriber is not enough for the authentication method"
            }
            Self::TlsFailed => "the TLS handshake failed",
            Self::CertificateRefused => "the certificate of the peer is not accepted",
            Self::HomeServerRejected => "the home server of the realm rejected it",
            Self::RealmRefused => "logins of this realm are not taken here",
            Self::TooManySessions => "as many logins of this subscriber are in as may be at once",
            Self::NotAllowedHere => "this subscriber may not log in from this NAS, port, VLAN or device",
            Self::BoundElsewhere => "this subscriber is bound to another device, port or line; release him",
            Self::BindingNotSent => {
                "this subscriber is to be bound to something that the request does not say"
            }
            Self::PoolExhausted => "the address pool of the plan has no address left",
            Self::AddressInUse => "the static address of this subscriber is in use by another login of his",
            Self::QuotaUsedUp => "the quota of the period is used up",
        }
    }

    /// Whether it may pass by itself within seconds, so that the next attempt is looked at whatever came before.
    pub(crate) const fn passes(self) -> bool {
        matches!(
            self,
            Self::TooManySessions | Self::PoolExhausted | Self::AddressInUse
        )
    }

    /// The Reply-Message: what a stranger who guesses may read too.
    #[must_use]
    pub const fn reply_message(self) -> &'static str {
        match self {
            Self::NoUserName
            | Self::UnknownSubscriber
            | Self::WrongPassword
            | Self::NoCredential
            | Self::CredentialUnfit
            | Self::HomeServerRejected
            | Self::RealmRefused
            // Said of a name that somebody has only, so it must not differ from the others.
            | Self::CredentialNotSent
            | Self::UnsupportedMethod => "Login incorrect",
            Self::EapFailed
            | Self::TlsFailed
            | Self::CertificateRefused => "Authentication method not supported",
            Self::Suspended | Self::PartnerSuspended => "Service suspended, please contact your provider",
            Self::Terminated => "Service terminated, please contact your provider",
            Self::Expired => "Service expired, please contact your provider",
            Self::ReplyTooLong | Self::PoolExhausted => "Service unavailable, please contact your provider",
            Self::TooManySessions | Self::AddressInUse => "You are logged in already",
            Self::QuotaUsedUp => "Data volume used up, please contact your provider",
            Self::NotAllowedHere => "You cannot log in from here, please contact your provider",
            Self::BoundElsewhere | Self::BindingNotSent => {
                "This account is bound to another device, please contact your provider"
            }
        }
    }
}

impl DropReason {
    /// Every reason, in order; counters have one place for each. Its place is its number in a journalled decision: a new
    /// one goes to the end.
    pub const ALL: [Self; 9] = [
        Self::SecretDiffers,
        Self::MessageAuthenticatorMissing,
        Self::MessageAuthenticatorMalformed,
        Self::NoReply,
        Self::Busy,
        Self::HomeServerSilent,
        Self::NoHomeServer,
        Self::ProxyLoop,
        Self::NotSentOn,
    ];

    /// The stable name, as in `radpostauth.reason` and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecretDiffers => "secret_differs",
            Self::MessageAuthenticatorMissing => "message_authenticator_missing",
            Self::MessageAuthenticatorMalformed => "message_authenticator_malformed",
            Self::NoReply => "no_reply",
            Self::Busy => "busy",
            Self::HomeServerSilent => "home_server_silent",
            Self::NoHomeServer => "no_home_server",
            Self::ProxyLoop => "proxy_loop",
            Self::NotSentOn => "not_sent_on",
        }
    }

    /// The reason for the staff.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::SecretDiffers => "the shared secret of the NAS differs from the one stored here",
            Self::MessageAuthenticatorMissing => "the NAS must sign its requests and did not sign this one",
            Self::MessageAuthenticatorMalformed => "Message-Authenticator is malformed",
            Self::NoReply => "no reply could be made",
            Self::Busy => "too many requests wait that take long to answer",
            Self::HomeServerSilent => "the home servers of the realm did not answer",
            Self::NoHomeServer => "no home server of the realm lives",
            Self::ProxyLoop => "the request went in a circle of proxies",
            Self::NotSentOn => "the request cannot be sent on to a home server",
        }
    }
}
