//! One hop of a proxy: the request as the next server must see it, and that server's reply as the one who asked must.
//!
//! Never opens a socket and never decides who is asked; identifiers, random octets and both secrets are handed in. What is
//! hidden with one secret is hidden anew with the other; what cannot be is left out, and so reaches nobody it was not meant
//! for. Every packet in both directions carries a Message-Authenticator, in front (CVE-2024-3596); accounting is signed by
//! its authenticator.
//!
//! In the order a request travels: [`hops`] and [`passed_here`] refuse loops, [`onward_access`] and [`onward_accounting`]
//! write what goes on, [`genuine`] verifies what comes back, [`back`] writes what the NAS gets.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::attribute::{Attribute, kind};
use crate::code::Code;
use crate::dictionary::{Hiding, STANDARD};
use crate::packet::{Authenticator, View};
use crate::password::{self, PAP_LEN_MAX};
use crate::salt::{self, HIDDEN_LEN_MAX, SALT_LEN, Salt};
use crate::secret::{MessageAuthenticator, SharedSecret};
use crate::writer::{ReplyWriter, RequestWriter, WriteError};

/// Octets of the Proxy-State that marks a request: whose mark it is, and which request.
pub const MARK_LEN: usize = 16;

/// Attributes of a request that goes on, at most: what FreeRADIUS takes (`max_attributes`), and we. One with more would be dropped
/// by the next server without a word; here it is known why it does not go on.
pub const ONWARD_ATTRIBUTES_MAX: usize = 200;

/// Octets of a mark that say whose it is.
pub const MARK_OWNER_LEN: usize = 8;

/// What one server adds to a request that it sends on (RFC 2865 section 5.33): eight octets that name the server, the same
/// for all it sends, and eight that name the request.
pub type Mark = [u8; MARK_LEN];

/// One side of a hop: the secret shared with it and the authenticator of the request on its side.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// Shared with whoever is there.
    pub secret: &'s SharedSecret,
    /// The Request Authenticator on that side.
    pub authenticator: &'s Authenticator,
}

/// What a request that goes on gets anew.
#[derive(Clone, Copy, Debug)]
pub struct Onward<'s> {
    /// Shared with the server that is asked.
    pub secret: &'s SharedSecret,
    /// The Identifier towards it.
    pub identifier: u8,
    /// The Request Authenticator towards it: unpredictable octets. Accounting does not use it.
    pub authenticator: Authenticator,
    /// What is added as the last Proxy-State.
    pub mark: &'s Mark,
    /// What stands in place of User-Name; `None`: what the NAS sent.
    pub user_name: Option<&'s str>,
}

/// What of a reply is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Everything that can be.
    All,
    /// What a visited network takes from the home of a guest: how he proved himself, how long he may stay, who pays. No
    /// addresses, networks, tunnels, filters, speeds.
    Roaming,
}

/// Why a packet does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HopError {
    /// It would outgrow a packet, in octets or attributes, with the mark and the Message-Authenticator it gets.
    #[error("the packet has no room for what a proxy adds")]
    Write(#[from] WriteError),
    /// It would have more attributes, with what a proxy adds, than the next server takes.
    #[error("the packet has more than {ONWARD_ATTRIBUTES_MAX} attributes with what a proxy adds")]
    TooManyAttributes,
    /// User-Password has a length that cannot be.
    #[error("User-Password has a length that cannot be")]
    Password,
    /// A packet of this kind does not travel this way.
    #[error("{code} is not sent on")]
    Code {
        /// Its kind.
        code: Code,
    },
}

/// How many proxies handled a request, as far as its Proxy-States tell.
#[must_use]
pub fn hops(request: &View<'_>) -> usize {
    let states = request
        .attributes()
        .filter(|attribute| attribute.kind == kind::PROXY_STATE);
    states.count()
}

/// Whether this request carries a mark of this owner: it went in a circle.
#[must_use]
pub fn passed_here(request: &View<'_>, owner: &[u8; MARK_OWNER_LEN]) -> bool {
    request.attributes().any(|attribute| {
        attribute.kind == kind::PROXY_STATE
            && attribute.value.len() == MARK_LEN
            && attribute.value.starts_with(owner)
    })
}

/// Writes an Access-Request for the next server. `nas` is the secret it came with.
///
/// # Errors
/// [`HopError`]; nothing is to be sent then.
pub fn onward_access<'b>(
    request: &View<'_>,
    nas: &SharedSecret,
    onward: &Onward<'_>,
    out: &'b mut [u8],
) -> Result<&'b [u8], HopError> {
    if request.code() != Code::AccessRequest {
        return Err(HopError::Code { code: request.code() });
    }
    let from = Side {
        secret: nas,
        authenticator: request.authenticator(),
    };
    let to = Side {
        secret: onward.secret,
        authenticator: &onward.authenticator,
    };
    let mut writer = RequestWriter::access(out, onward.identifier, onward.authenticator)?;
    writer.reserve_message_authenticator()?;
    for attribute in request.attributes() {
        match attribute.kind {
            kind::MESSAGE_AUTHENTICATOR => {}
            kind::USER_NAME if onward.user_name.is_some() => {}
            kind::USER_PASSWORD => {
                let hidden = password_again(attribute.value, from, to).ok_or(HopError::Password)?;
                writer.attribute(kind::USER_PASSWORD, &hidden)?;
            }
            _ => {
                if let Some(value) = value_again(&attribute, Some((from, to))) {
                    writer.attribute(attribute.kind, &value)?;
                }
            }
        }
    }
    if let Some(user_name) = onward.user_name {
        writer.text(kind::USER_NAME, user_name)?;
    }
    // Without CHAP-Challenge the Request Authenticator was the challenge (RFC 2865 section 5.3), and that one is new now.
    if request.first(kind::CHAP_PASSWORD).is_some() && request.first(kind::CHAP_CHALLENGE).is_none() {
        writer.attribute(kind::CHAP_CHALLENGE, request.authenticator())?;
    }
    writer.attribute(kind::PROXY_STATE, onward.mark)?;
    as_many_as_taken(writer.finish(onward.secret))
}

/// Writes an Accounting-Request for the next server: as it came, `delay_s` seconds later (Acct-Delay-Time). Hidden values
/// have no place in accounting and are left out.
///
/// # Errors
/// [`HopError`]; nothing is to be sent then.
pub fn onward_accounting<'b>(
    request: &View<'_>,
    onward: &Onward<'_>,
    delay_s: u32,
    out: &'b mut [u8],
) -> Result<&'b [u8], HopError> {
    if request.code() != Code::AccountingRequest {
        return Err(HopError::Code { code: request.code() });
    }
    let mut writer = RequestWriter::signed(out, Code::AccountingRequest, onward.identifier)?;
    for attribute in request.attributes() {
        match attribute.kind {
            kind::MESSAGE_AUTHENTICATOR | kind::ACCT_DELAY_TIME | kind::USER_PASSWORD => {}
            kind::USER_NAME if onward.user_name.is_some() => {}
            _ => {
                if let Some(value) = value_again(&attribute, None) {
                    writer.attribute(attribute.kind, &value)?;
                }
            }
        }
    }
    if let Some(user_name) = onward.user_name {
        writer.text(kind::USER_NAME, user_name)?;
    }
    let before = request.u32(kind::ACCT_DELAY_TIME).unwrap_or_default();
    writer.u32(kind::ACCT_DELAY_TIME, before.saturating_add(delay_s))?;
    writer.attribute(kind::PROXY_STATE, onward.mark)?;
    as_many_as_taken(writer.finish(onward.secret))
}

/// A request, unless the next server would drop it for its many attributes.
fn as_many_as_taken(octets: &[u8]) -> Result<&[u8], HopError> {
    match View::parse_at_most(octets, ONWARD_ATTRIBUTES_MAX) {
        Ok(_) => Ok(octets),
        Err(_) => Err(HopError::TooManyAttributes),
    }
}

/// Whether a reply was made by someone who knows the secret and saw this very request: the Response Authenticator is
/// right, and so is the Message-Authenticator. One that carries none is taken only when `unsigned_taken` is set.
#[must_use]
pub fn genuine(reply: &View<'_>, asked: Side<'_>, unsigned_taken: bool) -> bool {
    asked.secret.check_reply_authenticator(reply, asked.authenticator)
        && match asked
            .secret
            .check_message_authenticator(reply, Some(asked.authenticator))
        {
            MessageAuthenticator::Valid => true,
            MessageAuthenticator::Absent => unsigned_taken,
            MessageAuthenticator::Invalid | MessageAuthenticator::Malformed => false,
        }
}

/// Writes the reply to `request`, whose NAS knows `nas`, from a verified reply to what was sent on to `asked`.
///
/// The Proxy-States are those of the request, whatever the other server made of them.
///
/// # Errors
/// [`HopError`]; nothing is to be sent then.
pub fn back<'b>(
    reply: &View<'_>,
    asked: Side<'_>,
    request: &View<'_>,
    nas: &SharedSecret,
    pass: Pass,
    out: &'b mut [u8],
) -> Result<&'b [u8], HopError> {
    if !matches!(
        reply.code(),
        Code::AccessAccept | Code::AccessReject | Code::AccessChallenge
    ) {
        return Err(HopError::Code { code: reply.code() });
    }
    let to = Side {
        secret: nas,
        authenticator: request.authenticator(),
    };
    let mut writer = ReplyWriter::new(out, reply.code(), request)?;
    writer.reserve_message_authenticator()?;
    for attribute in reply.attributes() {
        if matches!(attribute.kind, kind::MESSAGE_AUTHENTICATOR | kind::PROXY_STATE)
            || pass == Pass::Roaming && !roams(&attribute)
        {
            continue;
        }
        if let Some(value) = value_again(&attribute, Some((asked, to))) {
            writer.attribute(attribute.kind, &value)?;
        }
    }
    writer.proxy_states(request)?;
    Ok(writer.finish(nas))
}

// -- What a guest's home may say ------------------------------------------------------------------------------------

/// Whether [`Pass::Roaming`] lets this attribute of a reply through.
fn roams(attribute: &Attribute<'_>) -> bool {
    match attribute.vendor() {
        None => matches!(
            attribute.kind,
            kind::USER_NAME
                | kind::REPLY_MESSAGE
                | kind::STATE
                | kind::CLASS
                | kind::SESSION_TIMEOUT
                | kind::IDLE_TIMEOUT
                | kind::TERMINATION_ACTION
                | kind::EAP_MESSAGE
                | kind::ACCT_INTERIM_INTERVAL
                | kind::CHARGEABLE_USER_IDENTITY
                | kind::ERROR_CAUSE
        ),
        // The keys of the link and what MS-CHAP answers: all of them, or none when something else is among them.
        Some((vendor, inside)) => {
            vendor == kind::vendor::MICROSOFT
                && inside.clone().all(|inside| {
                    matches!(
                        inside.kind,
                        kind::microsoft::CHAP_ERROR
                            | kind::microsoft::MPPE_ENCRYPTION_POLICY
                            | kind::microsoft::MPPE_ENCRYPTION_TYPES
                            | kind::microsoft::CHAP_MPPE_KEYS
                            | kind::microsoft::MPPE_SEND_KEY
                            | kind::microsoft::MPPE_RECV_KEY
                            | kind::microsoft::CHAP2_SUCCESS
                    )
                })
        }
    }
}

// -- What is hidden, hidden anew ------------------------------------------------------------------------------------

/// The value of an attribute on the other side of the hop; `None`: it stays behind. Without sides nothing hidden goes on.
fn value_again<'a>(attribute: &Attribute<'a>, sides: Option<(Side<'_>, Side<'_>)>) -> Option<Cow<'a, [u8]>> {
    if attribute.kind == kind::VENDOR_SPECIFIC {
        return vendor_again(attribute.value, sides);
    }
    match hiding(0, attribute.kind.into()) {
        Hiding::None => Some(Cow::Borrowed(attribute.value)),
        way => hidden_again(0, attribute.kind, way, attribute.value, sides?).map(Cow::Owned),
    }
}

/// The same for Vendor-Specific: all its attributes, or none when one of them cannot go on.
fn vendor_again<'a>(value: &'a [u8], sides: Option<(Side<'_>, Side<'_>)>) -> Option<Cow<'a, [u8]>> {
    let Some((number, inside)) = value.split_first_chunk::<4>() else {
        return Some(Cow::Borrowed(value)); // no vendor at all; whoever reads it sees what was sent
    };
    let vendor = u32::from_be_bytes(*number);
    let format = STANDARD
        .vendor(vendor)
        .map(|known| known.format)
        .unwrap_or_default();
    let (type_len, length_len) = (usize::from(format.type_len), usize::from(format.length_len));
    let head_len = type_len + length_len;
    if head_len == 0 {
        return Some(Cow::Borrowed(value));
    }
    let (mut rest, mut changed) = (inside, false);
    let mut out = Zeroizing::new(value[..4].to_vec());
    while let Some((head, after)) = rest.split_at_checked(head_len) {
        let (kind, length) = head.split_at(type_len);
        let kind = kind.iter().fold(0_u32, |sum, octet| sum << 8 | u32::from(*octet));
        let length = length
            .iter()
            .fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet));
        let value_len = match length_len {
            0 => after.len(),
            _ => length.checked_sub(head_len).filter(|len| *len <= after.len())?,
        };
        let (value, behind) = after.split_at(value_len);
        rest = behind;
        let way = hiding(vendor, kind);
        if way == Hiding::None {
            out.extend_from_slice(head);
            out.extend_from_slice(value);
            continue;
        }
        // Only the usual shape is taken apart: what goes on in the next attribute, or is longer, is nobody's key any more.
        let usual = type_len == 1 && length_len == 1 && !format.continued;
        let hidden = usual.then(|| hidden_again(vendor, u8::try_from(kind).ok()?, way, value, sides?));
        let hidden = hidden.flatten()?;
        out.push(*head.first()?);
        out.push(u8::try_from(head_len + hidden.len()).ok()?);
        out.extend_from_slice(&hidden);
        changed = true;
    }
    if changed {
        Some(Cow::Owned(out.to_vec()))
    } else {
        Some(Cow::Borrowed(value))
    }
}

/// How the dictionary says an attribute is hidden.
fn hiding(vendor: u32, number: u32) -> Hiding {
    if vendor == kind::vendor::MICROSOFT && number == u32::from(kind::microsoft::CHAP_MPPE_KEYS) {
        return Hiding::Password; // RFC 2548 section 2.4.1
    }
    let definition = u8::try_from(number)
        .ok()
        .and_then(|number| STANDARD.by_number(vendor, number));
    match definition.map(|known| known.flags.hiding) {
        Some(way @ (Hiding::Password | Hiding::Salted | Hiding::Ascend)) => way,
        // A secret in the clear and a proof are the business of both ends.
        Some(Hiding::None | Hiding::Secret | Hiding::Proof) | None => Hiding::None,
    }
}

/// Reveals a value on one side and hides it for the other.
fn hidden_again(
    vendor: u32,
    kind: u8,
    way: Hiding,
    value: &[u8],
    (from, to): (Side<'_>, Side<'_>),
) -> Option<Vec<u8>> {
    match way {
        Hiding::Password => password_again(value, from, to),
        Hiding::Salted => {
            let definition = STANDARD.by_number(vendor, kind)?;
            let (tag, salted) = if definition.flags.tagged {
                let (tag, salted) = value.split_at_checked(1)?;
                (tag, salted)
            } else {
                (&[][..], value)
            };
            let mut out = tag.to_vec();
            out.extend(salted_again(salted, from, to)?);
            Some(out)
        }
        Hiding::None | Hiding::Secret | Hiding::Proof | Hiding::Ascend => None,
    }
}

/// Re-hides what is hidden as User-Password is, padding and all.
fn password_again(hidden: &[u8], from: Side<'_>, to: Side<'_>) -> Option<Vec<u8>> {
    let mut room = Zeroizing::new([0; PAP_LEN_MAX]);
    let clear = password::reveal_pap(from.secret, from.authenticator, hidden, &mut room)?;
    let mut again = [0; PAP_LEN_MAX];
    password::hide_pap(to.secret, to.authenticator, clear, &mut again).map(<[u8]>::to_vec)
}

/// Re-hides a salted string under its own salt.
fn salted_again(hidden: &[u8], from: Side<'_>, to: Side<'_>) -> Option<Vec<u8>> {
    let salt = hidden.first_chunk::<SALT_LEN>()?;
    let mut room = Zeroizing::new([0; HIDDEN_LEN_MAX]);
    let clear = salt::reveal(from.secret, from.authenticator, hidden, &mut room)?;
    let mut again = [0; HIDDEN_LEN_MAX];
    let salt = Salt::new(u16::from_be_bytes(*salt));
    salt::hide(to.secret, to.authenticator, salt, clear, &mut again).map(<[u8]>::to_vec)
}
