//! What each step of a decision found, as data; the sentence is made when somebody reads it. None can hold a secret.
//!
//! The packet path notes findings whose texts are borrowed ([`Finding`]), so that a login counts no reference and
//! allocates nothing; whoever reads a decision gets findings with texts of their own ([`Found`]).

use super::span::Span;
use crate::admission::{AllowedKind, BindBy};
use crate::authentication::EapMethod as Offered;
use crate::authorization::Make;
use crate::authorization::garden::GardenReason;
use crate::directory::{MarkKind, Name};
use crate::password_hash::HashKind;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;

/// A step of the packet path, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Source address to NAS.
    Source,
    /// Is it signed, and must it be?
    MessageAuthenticator,
    /// Seen before?
    Duplicate,
    /// Which subscriber?
    Identify,
    /// Is it he?
    Credential,
    /// May he?
    Admission,
    /// What does he get?
    Authorization,
    /// What was sent.
    Reply,
    /// What does the realm's home server say?
    HomeServer,
}

impl Step {
    /// Every step, in order; its place is its number in a journalled decision, so a new one goes to the end.
    pub(super) const ALL: [Self; 9] = [
        Self::Source,
        Self::MessageAuthenticator,
        Self::Duplicate,
        Self::Identify,
        Self::Credential,
        Self::Admission,
        Self::Authorization,
        Self::Reply,
        Self::HomeServer,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::MessageAuthenticator => "message_authenticator",
            Self::Duplicate => "duplicate",
            Self::Identify => "identify",
            Self::Credential => "credential",
            Self::Admission => "admission",
            Self::Authorization => "authorization",
            Self::Reply => "reply",
            Self::HomeServer => "home_server",
        }
    }
}

/// A finding on the packet path: its texts are somebody else's.
///
/// A text that the decision holds anyway (the user's, the partner's name) may be left empty: who reads it fills it in.
pub(crate) type Finding<'a> = Found<&'a str>;

/// What one step found. `Display` is the sentence.
///
/// The place of a variant is its number in a journalled decision: a new one goes to the end of the enum, whatever its
/// step, and none is ever taken out or given another shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Found<Text = Name> {
    // -- source
    /// The address is this NAS.
    Nas {
        /// Where the datagram came from.
        address: IpAddr,
        /// The NAS.
        nas: Text,
        /// Its partner.
        partner: Text,
    },

    // -- message_authenticator
    /// Signed, and with our secret.
    Signed,
    /// Not signed, and the NAS is set to need no signature.
    UnsignedNotRequired,
    /// Not signed, and this NAS has never signed.
    UnsignedNeverSeen,
    /// Not signed, and the NAS is set to sign always.
    UnsignedRequired,
    /// Not signed, and this NAS has signed before.
    UnsignedSeenBefore,
    /// Not signed, though a proxy has handled it.
    UnsignedProxied,
    /// Not signed, though it carries EAP.
    UnsignedEap,
    /// Signed with another secret.
    SignedWithOtherSecret,
    /// Message-Authenticator has a wrong length or comes twice.
    SignatureMalformed,

    // -- duplicate
    /// Not one we answered in the last seconds.
    NotSeenBefore,

    // -- identify
    /// The name is this subscriber's.
    Subscriber {
        /// His user name.
        username: Text,
    },
    /// The partner has no such name.
    NoSubscriber {
        /// The name asked for, cut to a bound.
        username: Text,
        /// The partner.
        partner: Text,
    },
    /// There is no User-Name.
    NoUserName,
    /// User-Name is not UTF-8.
    UserNameNotText,

    // -- credential
    /// The password sent with PAP is the stored one.
    PapMatch,
    /// It is not.
    PapMismatch,
    /// It does not even decrypt to text, so the secret differs.
    PapGarbled,
    /// User-Password has an impossible length.
    PapMalformed,
    /// The CHAP response is right.
    ChapMatch,
    /// It is not.
    ChapMismatch,
    /// CHAP-Password has a wrong length.
    ChapMalformed,
    /// A challenge was sent.
    EapMd5Challenge,
    /// The answer to it is right.
    EapMd5Match,
    /// It is not.
    EapMd5Mismatch,
    /// The peer wants another method.
    EapNak {
        /// The first method it asks for; 0: it named none.
        wanted: u8,
    },
    /// The peer began with a method nobody offered.
    EapUnexpectedMethod {
        /// Its number.
        method: u8,
    },
    /// EAP-Message does not hold an EAP packet that belongs here.
    EapMalformed,
    /// State names no open conversation.
    EapNoConversation,
    /// The conversation belongs to another NAS or another user, or the answer to another challenge.
    EapOtherConversation,
    /// No random octets for a challenge could be had.
    EapNoRandomness,
    /// MS-CHAP, when it was not offered; decisions of that time hold it.
    MsChap,
    /// Nothing is stored for this subscriber.
    NothingStored,
    /// The request carries nothing to compare.
    NothingSent,

    // -- admission
    /// The service is active and does not end by itself.
    Active,
    /// The service is active for some time yet.
    ActiveFor {
        /// Seconds until it expires.
        left_s: u32,
    },
    /// The service is suspended.
    Suspended {
        /// Why, in the partner's words.
        reason: Text,
    },
    /// The service is terminated.
    Terminated,
    /// The service has expired.
    Expired {
        /// Seconds since it did.
        ago_s: u32,
    },
    /// The partner is not active.
    PartnerSuspended {
        /// The partner.
        partner: Text,
    },

    // -- authorization
    /// What the plan gives.
    Plan {
        /// Its name.
        plan: Text,
        /// Towards the subscriber, bit/s.
        download_bps: Option<u64>,
        /// From the subscriber, bit/s.
        upload_bps: Option<u64>,
        /// How the NAS is told.
        dialect: Make,
    },
    /// The attributes do not fit.
    ReplyTooLong,

    // -- reply
    /// A packet went out.
    Sent {
        /// What it was.
        reply: ReplyKind,
        /// Its length.
        octets: u16,
    },
    /// Nothing went out, on purpose.
    Silent,

    // -- credential, added later: the encoding counts variants, so new ones stand at the end
    /// The MS-CHAP response is right.
    MsChapMatch,
    /// It is not.
    MsChapMismatch,
    /// MS-CHAP-Response or its challenge has a wrong length.
    MsChapMalformed,
    /// There is a LAN Manager response and no other.
    MsChapLanManager,
    /// A changed password stands in place of a response.
    MsChapPasswordChange,
    /// The stored password is no text, so that it has no NT hash.
    MsChapPasswordNotText,
    /// The response of version 2 is right.
    MsChap2Match,
    /// It is not.
    MsChap2Mismatch,
    /// MS-CHAP2-Response or its challenge has a wrong length.
    MsChap2Malformed,
    /// An NT hash is stored and the method needs the password itself.
    NtHashStored,

    // -- message_authenticator, added later
    /// Signed with the secret the NAS had before, whose time has not ended.
    SignedWithOlderSecret,
    /// Not signed, with Proxy-State, and the NAS is set to be limited in that.
    UnsignedProxiedLimited,
    /// Not signed, with Proxy-State, and so was the first request of this NAS.
    UnsignedProxiedNeeded,

    // -- credential, added later
    /// Not looked at: he was rejected again and again a moment ago.
    HeldOff {
        /// His attempts since then.
        attempts: u16,
        /// Seconds until the next one is looked at.
        left_s: u32,
    },

    // -- EAP, added later
    /// EAP-Start: who is there was asked.
    EapIdentityAsked,
    /// A method was offered.
    EapOffered {
        /// Its number.
        method: u8,
    },
    /// A method goes on.
    EapGoesOn {
        /// Its number.
        method: u8,
    },
    /// The peer wants none of the methods that can be had.
    EapNothingInCommon {
        /// The first method it asks for; 0: it named none.
        wanted: u8,
        /// What could still be offered to it, as bits of [`Offered`].
        offered: u8,
    },
    /// The conversation took too many rounds or too much time.
    EapTooLong,
    /// The password of EAP-GTC is the stored one.
    GtcMatch,
    /// It is not.
    GtcMismatch,
    /// The peer does not believe us, or says that it failed.
    EapPeerDisbelieves,
    /// What came is no fragment, or not the next one.
    EapFragmentMalformed,
    /// The peer ended TLS with an alert.
    EapTlsAlert {
        /// Which one.
        alert: u8,
    },
    /// We ended TLS.
    EapTlsFailed {
        /// Why.
        why: TlsFailure,
    },
    /// TLS gave no keys.
    EapNoKeys,
    /// The name outside the tunnel differs from the one inside.
    EapOuterIdentity {
        /// The outer one.
        username: Text,
    },
    /// The name inside the tunnel is nobody's.
    EapInnerUnknown,
    /// What was said inside the tunnel makes no sense.
    EapInnerMalformed,
    /// Nothing inside the tunnel could be compared.
    EapInnerNothing,
    /// The peer chose its own challenge in place of the tunnel's.
    EapChallengeDiffers,
    /// The certificate of the peer is good and names him.
    EapCertificateMatch,
    /// The names in a certificate, none of which is a subscriber's.
    EapCertificateNames {
        /// They, in the order they were tried.
        names: Text,
    },
    /// A good certificate that is nobody's.
    EapCertificateNobody,

    // -- realms and home servers
    /// Logins of this realm are the partner's own.
    RealmHere {
        /// The realm.
        realm: Text,
    },
    /// Home servers decide about logins of this realm.
    RealmAway {
        /// The realm, `*` when it is one of those without a line of their own.
        realm: Text,
    },
    /// Logins of this realm are not taken.
    RealmRefused {
        /// The realm, `*` when it is one of those without a line of their own.
        realm: Text,
    },
    /// A home server answered.
    HomeServerSaid {
        /// Which.
        server: Text,
        /// The code of its reply.
        code: u8,
        /// Microseconds from the first datagram to it to its answer.
        waited_us: u32,
        /// Servers that were asked.
        servers: u8,
        /// Datagrams sent, to all of them.
        attempts: u8,
    },
    /// None answered.
    HomeServerSilent {
        /// The last one asked.
        server: Text,
        /// Microseconds it was waited for.
        waited_us: u32,
        /// Servers that were asked.
        servers: u8,
        /// Datagrams sent, to all of them.
        attempts: u8,
    },
    /// No home server of the realm lives, or it has none for logins.
    NoHomeServer,
    /// Too many requests wait for home servers.
    HomeServersBusy,
    /// The request carries our own mark, or passed too many proxies.
    ProxyLoop,
    /// It does not fit a packet for the home server, or its password is malformed.
    NotSentOn,

    // -- identify, added later
    /// Something that is not his name says whose request it is.
    Marked {
        /// What.
        mark: MarkKind,
        /// Its value, cut to a bound.
        value: Text,
        /// His user name.
        username: Text,
    },
    /// Nobody has what the request carries.
    NotMarked {
        /// What.
        mark: MarkKind,
        /// Its value, cut to a bound.
        value: Text,
    },
    /// The request says nothing about the line.
    NoLine,
    /// The request is not made for a device.
    NoDevice,
    /// It names two devices.
    TwoDevices,

    // -- credential, added later
    /// Nothing is stored, and the line he is on is all there is to prove.
    LineSuffices,
    /// Nothing is stored, and the password is the device's address, the secret of the NAS, or absent.
    DeviceSuffices,
    /// Nothing is stored, and the password is none of these.
    DeviceMismatch,
    /// Only a hash of the password is stored, and the method needs the password itself.
    HashStored {
        /// Which needs it.
        method: WantsPassword,
        /// What the hash was made with.
        hash: HashKind,
    },
    /// The password that was sent is the one behind the stored hash.
    HashMatch {
        /// What the hash was made with.
        hash: HashKind,
        /// Whether that was known from an earlier login.
        remembered: bool,
    },
    /// It is not.
    HashMismatch {
        /// What the hash was made with.
        hash: HashKind,
    },
    /// Nobody has the name, and he was asked as somebody would be.
    EapNobody,

    // -- admission, added later
    /// He may come in from somewhere else only.
    NotAllowedHere {
        /// What was looked at.
        kind: AllowedKind,
        /// What the request says; empty: nothing, or the NAS itself.
        said: Text,
    },
    /// It is what he is bound to.
    BoundHere {
        /// What.
        by: BindBy,
        /// Which.
        value: Text,
    },
    /// It is not.
    BoundElsewhere {
        /// What.
        by: BindBy,
        /// Which he is bound to.
        bound: Text,
        /// Which it is.
        said: Text,
    },
    /// He is bound from now on.
    BoundNow {
        /// To what.
        by: BindBy,
        /// To which.
        value: Text,
    },
    /// The request does not say what he would be bound to.
    NothingToBind {
        /// What.
        by: BindBy,
    },
    /// The request is about a session that holds its place.
    SessionGoesOn,
    /// There is a place.
    PlaceTaken {
        /// Which, from 1.
        place: u16,
        /// How many there are.
        limit: u16,
        /// How many were taken from older logins.
        replaced: u16,
        /// Whether these were of the same device.
        same_device: bool,
    },
    /// There is none.
    TooManySessions {
        /// How many there are.
        limit: u16,
        /// Sessions that hold one.
        open: u16,
        /// Accepted logins that hold one and of which no Start has come yet.
        waiting: u16,
    },
    /// An address that he gets.
    Address {
        /// Of which pool; empty: it is his for good.
        pool: Text,
        /// It, or the first of a prefix.
        address: IpAddr,
        /// Bits of it.
        len: u8,
        /// Whether he had it before.
        sticky: bool,
    },
    /// The pool has none left.
    PoolExhausted {
        /// Which.
        pool: Text,
        /// How many it has.
        total: u32,
    },
    /// What is his for good has another login of his.
    AddressInUse {
        /// It, or the first of a prefix.
        address: IpAddr,
        /// Bits of it.
        len: u8,
    },

    // -- of logins that are only thought of; none is ever journalled
    /// His credential is taken as proven.
    CredentialAssumed,
    /// A packet would go out.
    WouldSend {
        /// What it would be.
        reply: ReplyKind,
        /// Its length.
        octets: u16,
    },

    // -- authorization, added later
    /// He has no service, and is let into the walled garden of his partner.
    Garden {
        /// Why.
        reason: GardenReason,
    },

    // -- quota
    /// His quota is used up, and he goes on with what his plan says for that.
    QuotaThrottled {
        /// Octets he had.
        allowed: u64,
        /// Seconds until the next period begins.
        left_s: u32,
    },
    /// His quota is used up, and he has no service until the next period.
    QuotaUsedUp {
        /// Octets he had.
        allowed: u64,
        /// Seconds until the next period begins.
        left_s: u32,
    },
}

/// The methods that need the password itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WantsPassword {
    /// CHAP.
    Chap,
    /// MS-CHAP of either version, which an NT hash would do for, too.
    MsChap,
    /// EAP-MD5.
    EapMd5,
    /// PAP, which needs nothing less only when nothing can compare it.
    Pap,
}

impl WantsPassword {
    /// What people call it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Chap => "CHAP",
            Self::MsChap => "MS-CHAP",
            Self::EapMd5 => "EAP-MD5",
            Self::Pap => "PAP",
        }
    }
}

/// Why we ended a TLS handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsFailure {
    /// The peer sent no certificate.
    NoCertificate,
    /// Its certificate has expired.
    CertificateExpired,
    /// Its certificate begins later.
    CertificateNotYetValid,
    /// Its certificate is not of our client CA.
    CertificateUnknownIssuer,
    /// Its certificate is revoked.
    CertificateRevoked,
    /// No revocation list that counts says anything about its certificate.
    RevocationUnknown,
    /// Its certificate is not for this, or makes no sense.
    CertificateUnfit,
    /// It speaks older versions only.
    NoCommonVersion,
    /// It wants ciphers, curves or signatures that are not offered.
    NothingInCommon,
    /// It broke the protocol.
    Protocol,
}

impl TlsFailure {
    /// In words.
    const fn words(self) -> &'static str {
        match self {
            Self::NoCertificate => "the peer sent no certificate",
            Self::CertificateExpired => "the certificate of the peer has expired",
            Self::CertificateNotYetValid => "the certificate of the peer is not valid yet",
            Self::CertificateUnknownIssuer => "the certificate of the peer is of no CA in eap.client_ca",
            Self::CertificateRevoked => "the certificate of the peer is revoked",
            Self::RevocationUnknown => {
                "no revocation list in eap.crls, or only an expired one, speaks about the certificate of the peer"
            }
            Self::CertificateUnfit => "the certificate of the peer is not one for TLS clients, or is damaged",
            Self::NoCommonVersion => "the peer offers no version of TLS that is spoken here",
            Self::NothingInCommon => "the peer offers no cipher, group or signature that is spoken here",
            Self::Protocol => "the peer broke the protocol",
        }
    }
}

/// The packets that answer an Access-Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    /// Access-Accept.
    Accept,
    /// Access-Reject.
    Reject,
    /// Access-Challenge.
    Challenge,
}

impl ReplyKind {
    /// The packet's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "Access-Accept",
            Self::Reject => "Access-Reject",
            Self::Challenge => "Access-Challenge",
        }
    }
}

impl<Text: Deref<Target = str>> Found<Text> {
    /// The sentence, for those who want a `String`.
    #[must_use]
    pub fn words(&self) -> String {
        self.to_string()
    }
}

impl<Text: Deref<Target = str>> fmt::Display for Found<Text> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nas {
                address,
                nas,
                partner,
            } => write!(f, "{address} is NAS {} of partner {}", &**nas, &**partner),
            Self::NoSubscriber { username, partner } => {
                write!(
                    f,
                    "partner {} has no subscriber {}",
                    &**partner,
                    username.escape_debug()
                )
            }
            Self::Subscriber { username } => write!(f, "subscriber {} found", &**username),
            Self::Marked {
                mark,
                value,
                username,
            } => write!(
                f,
                "subscriber {} recognised by {} {}",
                &**username,
                mark.words(),
                value.escape_debug()
            ),
            Self::HashStored { method, hash } => write!(
                f,
                "{} needs a reversible password; this one is stored as {}",
                method.words(),
                hash.words()
            ),
            Self::HashMatch { hash, remembered } => write!(
                f,
                "the password is the one stored as {}{}",
                hash.words(),
                if *remembered {
                    ", as remembered from an earlier login"
                } else {
                    ""
                }
            ),
            Self::NotAllowedHere { kind, said } => {
                write!(f, "he may not come in from this {}", kind.as_str())?;
                match &**said {
                    "" if *kind == AllowedKind::Nas => Ok(()),
                    "" => f.write_str(": the request does not say which"),
                    said => write!(f, ": {}", said.escape_debug()),
                }
            }
            Self::BoundHere { by, value } => {
                write!(
                    f,
                    "bound to {} {}, and it is this one",
                    by.words(),
                    value.escape_debug()
                )
            }
            Self::BoundElsewhere { by, bound, said } => write!(
                f,
                "bound to {} {}, and it is {}; `headend subscriber release` lets him bind anew",
                by.words(),
                bound.escape_debug(),
                said.escape_debug()
            ),
            Self::BoundNow { by, value } => {
                write!(
                    f,
                    "his first login: bound to {} {} from now on",
                    by.words(),
                    value.escape_debug()
                )
            }
            Self::NothingToBind { by } => {
                write!(
                    f,
                    "he is to be bound to his {}, and the request does not say which it is",
                    by.words()
                )
            }
            Self::PlaceTaken {
                place,
                limit,
                replaced,
                same_device,
            } => {
                write!(f, "login {place} of {limit} at once")?;
                match (replaced, same_device) {
                    (0, _) => Ok(()),
                    (_, true) => f.write_str("; it takes the place of an older one of the same device"),
                    (1, false) => f.write_str("; it takes the place of the oldest"),
                    (many, false) => write!(f, "; it takes the place of {many} older ones"),
                }
            }
            Self::TooManySessions { limit, open, waiting } => write!(
                f,
                "{limit} may be in at once: {open} sessions are open, {waiting} accepted logins wait for their Start"
            ),
            Self::Address {
                pool,
                address,
                len,
                sticky,
            } => {
                write!(f, "gets {address}")?;
                if !matches!((address, len), (IpAddr::V4(_), 32)) {
                    write!(f, "/{len}")?;
                }
                match (&**pool, sticky) {
                    ("", _) => f.write_str(", which is his for good"),
                    (pool, true) => write!(f, " of pool {pool}, as before"),
                    (pool, false) => write!(f, " of pool {pool}"),
                }
            }
            Self::PoolExhausted { pool, total } => write!(f, "pool {}: all {total} are given", &**pool),
            Self::AddressInUse { address, len } => {
                write!(
                    f,
                    "{address}/{len} is his for good, and another login of his has it"
                )
            }
            Self::HashMismatch { hash } => {
                write!(f, "the password differs from the one stored as {}", hash.words())
            }
            Self::NotMarked { mark, value } => {
                write!(f, "no subscriber has {} {}", mark.words(), value.escape_debug())
            }
            Self::EapNak { wanted } => write!(
                f,
                "EAP: the peer refuses EAP-MD5 and asks for {}; offered here: EAP-MD5",
                EapMethod(*wanted)
            ),
            Self::EapUnexpectedMethod { method } => {
                write!(
                    f,
                    "EAP: the peer answers with {}, which was not offered",
                    EapMethod(*method)
                )
            }
            Self::EapOffered { method } => write!(f, "EAP: {} offered", EapMethod(*method)),
            Self::EapGoesOn { method } => write!(f, "EAP: {} goes on", EapMethod(*method)),
            Self::EapNothingInCommon { wanted, offered } => {
                write!(f, "EAP: the peer asks for {}; offered here: ", EapMethod(*wanted))?;
                let mut between = "";
                for method in Offered::ALL.iter().filter(|method| offered & method.bit() != 0) {
                    write!(f, "{between}{method}")?;
                    between = ", ";
                }
                f.write_str(if between.is_empty() { "nothing" } else { "" })
            }
            Self::EapTlsAlert { alert } => write!(f, "TLS alert {} from the peer", Alert(*alert)),
            Self::EapTlsFailed { why } => write!(f, "TLS: {}", why.words()),
            Self::EapOuterIdentity { username } => {
                write!(f, "the name outside the tunnel is {}", username.escape_debug())
            }
            Self::EapCertificateNames { names } => {
                write!(
                    f,
                    "the certificate names {}, none of them a subscriber",
                    names.escape_debug()
                )
            }
            Self::ActiveFor { left_s } => write!(f, "active; expires in {}", Span(*left_s)),
            Self::Suspended { reason } if reason.is_empty() => f.write_str("suspended, no reason given"),
            Self::Suspended { reason } => write!(f, "suspended: {}", &**reason),
            Self::Expired { ago_s } => write!(f, "expired {} ago", Span(*ago_s)),
            Self::PartnerSuspended { partner } => write!(f, "partner {} is not active", &**partner),
            Self::Plan {
                plan,
                download_bps,
                upload_bps,
                dialect,
            } => {
                write!(f, "plan {}", &**plan)?;
                if download_bps.is_none() && upload_bps.is_none() {
                    return f.write_str("; no rate set, the NAS decides");
                }
                let (down, up) = (Speed(*download_bps), Speed(*upload_bps));
                write!(f, "; {down} down, {up} up as {}", dialect.rate_attributes())
            }
            Self::QuotaThrottled { allowed, left_s } => {
                let (allowed, left) = (Volume(*allowed), Span(*left_s));
                write!(
                    f,
                    "active; the quota of {allowed} is used up, the plan's throttle holds for {left}"
                )
            }
            Self::QuotaUsedUp { allowed, left_s } => {
                let (allowed, left) = (Volume(*allowed), Span(*left_s));
                write!(
                    f,
                    "the quota of {allowed} is used up, the next period begins in {left}"
                )
            }
            Self::Garden { reason } => {
                write!(f, "let into the walled garden: {}", reason.as_str())
            }
            Self::HeldOff { attempts, left_s } => write!(
                f,
                "not looked at: too many rejects of this name from this station; attempt {attempts} since, the next is looked at \
                 in {} or once the subscriber is changed",
                Span(*left_s)
            ),
            Self::RealmHere { realm } => write!(f, "realm {}: decided here", realm.escape_debug()),
            Self::RealmAway { realm } => {
                write!(f, "realm {}: decided by its home servers", realm.escape_debug())
            }
            Self::RealmRefused { realm } => {
                write!(f, "realm {}: logins are not taken here", realm.escape_debug())
            }
            Self::HomeServerSaid {
                server,
                code,
                waited_us,
                servers,
                attempts,
            } => {
                let said = radius::Code::try_from(*code).map_or("something else", radius::Code::name);
                write!(
                    f,
                    "home server {} said {said} after {}",
                    &**server,
                    Waited(*waited_us)
                )?;
                write!(
                    f,
                    "{}",
                    Effort {
                        servers: *servers,
                        attempts: *attempts
                    }
                )
            }
            Self::HomeServerSilent {
                server,
                waited_us,
                servers,
                attempts,
            } => {
                write!(
                    f,
                    "home server {} said nothing in {}",
                    &**server,
                    Waited(*waited_us)
                )?;
                write!(
                    f,
                    "{}",
                    Effort {
                        servers: *servers,
                        attempts: *attempts
                    }
                )
            }
            Self::WouldSend { reply, octets } => {
                write!(f, "{} of {octets} octets would be sent", reply.as_str())
            }
            Self::Sent { reply, octets } => write!(f, "{}, {octets} octets", reply.as_str()),
            plain => f.write_str(plain.fixed_words()),
        }
    }
}

impl<Text> Found<Text> {
    /// The sentence of a variant without data; empty for the others, whose sentence is made in `Display`.
    const fn fixed_words(&self) -> &'static str {
        match self {
            Self::Signed => "present and correct",
            Self::UnsignedNotRequired => "absent; not required (this NAS is set to no)",
            Self::UnsignedNeverSeen => "absent; not required (auto, never seen from this NAS)",
            Self::UnsignedRequired => "absent; required (this NAS is set to yes)",
            Self::UnsignedSeenBefore => "absent; required (auto, this NAS has signed before)",
            Self::UnsignedProxied => {
                "absent; required (it carries Proxy-State, and this NAS has shown that it does not need to)"
            }
            Self::SignedWithOlderSecret => {
                "present and correct, made with the secret this NAS had before; it is good until its time ends"
            }
            Self::UnsignedProxiedLimited => {
                "absent; required (it carries Proxy-State, and limit_proxy_state of this NAS is yes)"
            }
            Self::UnsignedProxiedNeeded => {
                "absent; not required, though it carries Proxy-State (auto, this NAS is a proxy that never signed)"
            }
            Self::UnsignedEap => "absent; required (the request carries EAP, RFC 3579 section 3.1)",
            Self::SignedWithOtherSecret => {
                "present and wrong: the shared secret of the NAS differs from the one stored here"
            }
            Self::SignatureMalformed => "malformed: wrong length, or more than one",
            Self::NotSeenBefore => "a new request",
            Self::NoUserName => "the request carries no User-Name",
            Self::UserNameNotText => "User-Name is not UTF-8 text",
            Self::PapMatch => "PAP: the password is the stored one",
            Self::PapMismatch => "PAP: the password differs from the stored one",
            Self::PapGarbled => {
                "PAP: the password decrypts to no text: the shared secret of the NAS differs from the one stored here"
            }
            Self::PapMalformed => "PAP: User-Password has a length that cannot be (RFC 2865 section 5.2)",
            Self::ChapMatch => "CHAP: the response matches the stored password",
            Self::ChapMismatch => "CHAP: the response was made from another password",
            Self::ChapMalformed => "CHAP: CHAP-Password is not 17 octets long",
            Self::EapMd5Challenge => "EAP: identity received, EAP-MD5 challenge sent",
            Self::EapMd5Match => "EAP-MD5: the response matches the stored password",
            Self::EapMd5Mismatch => "EAP-MD5: the response was made from another password",
            Self::EapMalformed => "EAP: EAP-Message holds no packet that belongs here",
            Self::EapNoConversation => "EAP: State names no open conversation (they are kept for 30 s)",
            Self::EapOtherConversation => "EAP: the answer belongs to another conversation",
            Self::EapNoRandomness => "EAP: the system gave no random octets for a challenge",
            Self::MsChap => "MS-CHAP: not offered here at that time",
            Self::MsChapMatch => "MS-CHAP: the response matches the stored password",
            Self::MsChapMismatch => "MS-CHAP: the response was made from another password",
            Self::MsChapMalformed => {
                "MS-CHAP: MS-CHAP-Response is not 50 octets long, or MS-CHAP-Challenge is not 8 octets long"
            }
            Self::MsChapLanManager => {
                "MS-CHAP: a LAN Manager response without an NT response, which is not accepted here"
            }
            Self::MsChapPasswordChange => "MS-CHAP: the peer changes its password, which is not offered here",
            Self::MsChapPasswordNotText => {
                "MS-CHAP: the stored password is not UTF-8 text, so no response can be made from it"
            }
            Self::MsChap2Match => "MS-CHAPv2: the response matches the stored password",
            Self::MsChap2Mismatch => {
                "MS-CHAPv2: the response was made from another password, or for another name than User-Name"
            }
            Self::MsChap2Malformed => {
                "MS-CHAPv2: MS-CHAP2-Response is not 50 octets long, or MS-CHAP-Challenge is not 16 octets long"
            }
            Self::NtHashStored => {
                "an NT hash is stored for this subscriber: good for PAP and MS-CHAP, CHAP and EAP-MD5 need the password"
            }
            Self::NothingStored => "no password is stored for this subscriber",
            Self::NothingSent => {
                "the request carries no User-Password, CHAP-Password, MS-CHAP response or EAP-Message"
            }
            Self::NoLine => "the request carries no circuit id, remote id or NAS-Port-Id",
            Self::NoDevice => {
                "the request is not made for a device: User-Name is no MAC address, and it is not a Call-Check with one in Calling-Station-Id"
            }
            Self::TwoDevices => "User-Name and Calling-Station-Id are different MAC addresses",
            Self::LineSuffices => {
                "no password is stored for this subscriber: the line he is on is his credential"
            }
            Self::DeviceSuffices => {
                "no password is stored for this subscriber: the MAC address of his device is his credential"
            }
            Self::DeviceMismatch => {
                "MAC authentication: the password is neither the MAC address nor the shared secret of the NAS"
            }
            Self::Active => "active",
            Self::Terminated => "terminated",
            Self::ReplyTooLong => "the attributes of plan and subscriber do not fit into one packet",
            Self::Silent => "no reply",
            Self::CredentialAssumed => "not looked at: this login is only thought of",
            Self::SessionGoesOn => "the session goes on, in the place it has",
            Self::EapIdentityAsked => "EAP: the peer was asked who it is",
            Self::EapTooLong => "EAP: the conversation took more than 64 rounds or 60 s",
            Self::GtcMatch => "EAP-GTC: the password is the stored one",
            Self::GtcMismatch => "EAP-GTC: the password differs from the stored one",
            Self::EapPeerDisbelieves => {
                "EAP: the peer does not accept our answer: another password there, most likely"
            }
            Self::EapFragmentMalformed => "EAP: a TLS fragment is malformed or not the next one",
            Self::EapNoKeys => "EAP: TLS gave no keys",
            Self::EapNobody => "EAP: asked as somebody would be; the name is no subscriber's",
            Self::EapInnerUnknown => "the name inside the tunnel is no subscriber's",
            Self::EapInnerMalformed => {
                "what was said inside the tunnel is malformed or does not belong there"
            }
            Self::EapInnerNothing => {
                "inside the tunnel there is no User-Password, CHAP-Password, MS-CHAP response or EAP-Message"
            }
            Self::EapChallengeDiffers => {
                "EAP-TTLS: the challenge is not the tunnel's (RFC 5281 section 11.1)"
            }
            Self::EapCertificateMatch => "EAP-TLS: the certificate is good and names this subscriber",
            Self::EapCertificateNobody => {
                "EAP-TLS: the certificate is good and names no subscriber of this partner"
            }
            Self::NoHomeServer => "no home server of the realm lives",
            Self::HomeServersBusy => "too many requests wait for home servers",
            Self::ProxyLoop => {
                "the request was sent on from here before, or passed too many proxies: realms point at each other"
            }
            Self::NotSentOn => {
                "it does not fit a packet for the home server, or its User-Password is malformed"
            }
            Self::EapOffered { .. }
            | Self::EapGoesOn { .. }
            | Self::EapNothingInCommon { .. }
            | Self::EapTlsAlert { .. }
            | Self::EapTlsFailed { .. }
            | Self::EapOuterIdentity { .. }
            | Self::EapCertificateNames { .. }
            | Self::Nas { .. }
            | Self::NoSubscriber { .. }
            | Self::Subscriber { .. }
            | Self::Marked { .. }
            | Self::NotMarked { .. }
            | Self::HashStored { .. }
            | Self::HashMatch { .. }
            | Self::HashMismatch { .. }
            | Self::EapNak { .. }
            | Self::EapUnexpectedMethod { .. }
            | Self::ActiveFor { .. }
            | Self::Suspended { .. }
            | Self::Expired { .. }
            | Self::PartnerSuspended { .. }
            | Self::Plan { .. }
            | Self::HeldOff { .. }
            | Self::RealmHere { .. }
            | Self::RealmAway { .. }
            | Self::RealmRefused { .. }
            | Self::HomeServerSaid { .. }
            | Self::HomeServerSilent { .. }
            | Self::NotAllowedHere { .. }
            | Self::BoundHere { .. }
            | Self::BoundElsewhere { .. }
            | Self::BoundNow { .. }
            | Self::NothingToBind { .. }
            | Self::PlaceTaken { .. }
            | Self::TooManySessions { .. }
            | Self::Address { .. }
            | Self::PoolExhausted { .. }
            | Self::AddressInUse { .. }
            | Self::WouldSend { .. }
            | Self::Garden { .. }
            | Self::QuotaThrottled { .. }
            | Self::QuotaUsedUp { .. }
            | Self::Sent { .. } => "",
        }
    }
}

/// An EAP method as people name it.
struct EapMethod(u8);

impl fmt::Display for EapMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => return f.write_str("nothing else"),
            4 => "EAP-MD5",
            6 => "GTC",
            13 => "EAP-TLS",
            18 => "EAP-SIM",
            21 => "EAP-TTLS",
            23 => "EAP-AKA",
            25 => "PEAP",
            26 => "EAP-MSCHAPv2",
            43 => "EAP-FAST",
            47 => "EAP-PSK",
            50 => "EAP-AKA'",
            52 => "EAP-PWD",
            55 => "TEAP",
            other => return write!(f, "EAP method {other}"),
        };
        f.write_str(name)
    }
}

/// A TLS alert as RFC 8446 section 6 names it.
struct Alert(u8);

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            90 => "user_canceled",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            other => return write!(f, "{other}"),
        };
        f.write_str(name)
    }
}

/// How long something took, as people say it.
struct Waited(u32);

impl fmt::Display for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:01} ms", self.0 / 1_000, self.0 % 1_000 / 100)
    }
}

/// What it took beyond one datagram to one server; nothing, when that was all.
struct Effort {
    /// Servers that were asked.
    servers: u8,
    /// Datagrams sent.
    attempts: u8,
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.servers, self.attempts) {
            (_, 0 | 1) => Ok(()),
            (0 | 1, attempts) => write!(f, " ({attempts} datagrams)"),
            (servers, attempts) => write!(f, " ({attempts} datagrams to {servers} servers)"),
        }
    }
}

/// Octets as people say them, in thousands.
struct Volume(u64);

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")] {
            if self.0 >= unit {
                let tenths = self.0 / (unit / 10);
                return match tenths % 10 {
                    0 => write!(f, "{} {name}", tenths / 10),
                    tenth => write!(f, "{}.{tenth} {name}", tenths / 10),
                };
            }
        }
        write!(f, "{} octets", self.0)
    }
}

/// A speed as people say it.
struct Speed(Option<u64>);

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("no limit"),
            Some(bps) if bps.is_multiple_of(1_000_000) => write!(f, "{} Mbit/s", bps / 1_000_000),
            Some(bps) if bps.is_multiple_of(1_000) => write!(f, "{} kbit/s", bps / 1_000),
            Some(bps) => write!(f, "{bps} bit/s"),
        }
    }
}
