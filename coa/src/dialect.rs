//! What each make of NAS needs to hear to find a session, and what it refuses to hear.
//! Never builds a packet and never invents an attribute: it picks among those the NAS itself has sent.
//!
//! The picked attributes go into [`crate::exchange::Request`]. A new make is a line in [`Make::from_type`] and a recipe.

use radius::attribute::kind;

/// A family of NAS that agree on how a session is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Make {
    /// Nothing is known about it: everything RFC 5176 section 3 lists and the NAS has sent.
    Generic,
    /// hostapd's dynamic-authorization server: a closed list, anything else is refused with 401.
    Hostapd,
    /// RouterOS: the hotspot needs Framed-IP-Address, PPP takes all three.
    MikroTik,
    /// IOS and IOS XE: Acct-Session-Id alone; further attributes must all match.
    Cisco,
    /// Junos: Acct-Session-Id is mandatory, a User-Name beside it must match too.
    Juniper,
    /// Huawei BRAS: Acct-Session-Id, with User-Name for older releases.
    Huawei,
    /// Nokia SR OS: Acct-Session-Id decides how much is hit (host, queue or session).
    Nokia,
    /// accel-ppp: matches by any of them; a foreign NAS id is refused with 403.
    AccelPpp,
    /// EdgeOS.
    Ubiquiti,
}

impl Make {
    /// The make that a NAS's `type` names, in any case; what is not known is [`Make::Generic`].
    pub fn from_type(nas_type: &str) -> Self {
        match nas_type.to_ascii_lowercase().as_str() {
            "hostapd" => Self::Hostapd,
            "mikrotik" => Self::MikroTik,
            "cisco" => Self::Cisco,
            "juniper" => Self::Juniper,
            "huawei" => Self::Huawei,
            "nokia" | "alcatel" => Self::Nokia,
            "accel-ppp" | "accel" | "vyos" => Self::AccelPpp,
            "ubiquiti" | "edgeos" => Self::Ubiquiti,
            _ => Self::Generic,
        }
    }

    /// The attributes that name a session for this make, in the order they are sent.
    const fn recipe(self) -> &'static [u8] {
        match self {
            Self::Generic => &[
                kind::USER_NAME,
                kind::NAS_IP_ADDRESS,
                kind::NAS_IPV6_ADDRESS,
                kind::NAS_IDENTIFIER,
                kind::CALLING_STATION_ID,
                kind::FRAMED_IP_ADDRESS,
                kind::ACCT_SESSION_ID,
            ],
            Self::Hostapd => &[
                kind::USER_NAME,
                kind::NAS_IP_ADDRESS,
                kind::NAS_IPV6_ADDRESS,
                kind::NAS_IDENTIFIER,
                kind::CALLING_STATION_ID,
                kind::ACCT_SESSION_ID,
                kind::ACCT_MULTI_SESSION_ID,
            ],
            Self::MikroTik | Self::Ubiquiti => {
                &[kind::USER_NAME, kind::FRAMED_IP_ADDRESS, kind::ACCT_SESSION_ID]
            }
            Self::Cisco | Self::Juniper | Self::Nokia => &[kind::ACCT_SESSION_ID],
            Self::Huawei => &[kind::USER_NAME, kind::ACCT_SESSION_ID],
            Self::AccelPpp => &[
                kind::USER_NAME,
                kind::NAS_IP_ADDRESS,
                kind::NAS_IDENTIFIER,
                kind::ACCT_SESSION_ID,
            ],
        }
    }

    /// Appends to `out` the attributes of `recorded` that name the session for this make, octet for octet as the NAS
    /// sent them: a session id in another spelling is another session to most of them.
    ///
    /// `recorded` is a run of encoded attributes (type, length, value); each kind is taken once, at its first occurrence.
    ///
    /// # Errors
    /// [`IdentificationError::NoSessionId`] when the NAS never sent an Acct-Session-Id: anything less could hit somebody
    /// else. [`IdentificationError::Damaged`] when `recorded` is not a run of attributes. `out` is then unchanged.
    pub fn identification(self, recorded: &[u8], out: &mut Vec<u8>) -> Result<(), IdentificationError> {
        let before = out.len();
        let result = self.pick(recorded, out);
        if result.is_err() {
            out.truncate(before);
        }
        result
    }

    /// The loop of [`Make::identification`], leaving `out` as far as it came.
    fn pick(self, recorded: &[u8], out: &mut Vec<u8>) -> Result<(), IdentificationError> {
        let mut session_named = false;
        for &wanted in self.recipe() {
            if let Some(attribute) = find(recorded, wanted)? {
                out.extend_from_slice(attribute);
                session_named |= wanted == kind::ACCT_SESSION_ID;
            }
        }
        if session_named {
            Ok(())
        } else {
            Err(IdentificationError::NoSessionId)
        }
    }
}

/// The first attribute of `wanted` kind in a run of encoded attributes, header included.
fn find(mut rest: &[u8], wanted: u8) -> Result<Option<&[u8]>, IdentificationError> {
    while let [kind, length, ..] = *rest {
        let length = usize::from(length);
        if length < 2 || length > rest.len() {
            return Err(IdentificationError::Damaged { left: rest.len() });
        }
        let (attribute, after) = rest.split_at(length);
        if kind == wanted {
            return Ok(Some(attribute));
        }
        rest = after;
    }
    if rest.is_empty() {
        Ok(None)
    } else {
        Err(IdentificationError::Damaged { left: rest.len() })
    }
}

/// Why a session cannot be named to its NAS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentificationError {
    /// Nothing that the NAS sent names exactly this session.
    #[error(
        "the NAS never sent an Acct-Session-Id for this session, so it cannot be named without risking another one"
    )]
    NoSessionId,
    /// The recorded attributes cannot be read.
    #[error("the recorded attributes of the session are damaged {left} octets before their end")]
    Damaged {
        /// Octets that were left when the damage was met.
        left: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of attributes as a session records it.
    fn recorded(attributes: &[(u8, &[u8])]) -> Vec<u8> {
        let mut run = Vec::new();
        for (kind, value) in attributes {
            run.push(*kind);
            run.push(u8::try_from(value.len() + 2).expect("short test value"));
            run.extend_from_slice(value);
        }
        run
    }

    /// A session with everything a NAS may have sent.
    fn full() -> Vec<u8> {
        recorded(&[
            (kind::NAS_PORT, &[0, 0, 0, 7]),
            (kind::ACCT_SESSION_ID, b"0081A2"),
            (kind::USER_NAME, b"alice@demo"),
            (kind::FRAMED_IP_ADDRESS, &[100, 64, 0, 9]),
            (kind::NAS_IDENTIFIER, b"bng-1"),
        ])
    }

    #[track_caller]
    fn check(make: Make, run: &[u8], expect: Result<&[(u8, &[u8])], IdentificationError>) {
        let mut out = vec![0xEE];
        let got = make.identification(run, &mut out);
        match expect {
            Ok(attributes) => {
                assert_eq!(got, Ok(()));
                assert_eq!(out[1..], recorded(attributes));
            }
            Err(error) => {
                assert_eq!(got, Err(error));
                assert_eq!(out, [0xEE], "a refused session leaves nothing behind");
            }
        }
    }

    #[test]
    fn hostapd_hears_only_what_its_closed_list_allows() {
        check(
            Make::Hostapd,
            &full(),
            Ok(&[
                (kind::USER_NAME, b"alice@demo"),
                (kind::NAS_IDENTIFIER, b"bng-1"),
                (kind::ACCT_SESSION_ID, b"0081A2"),
            ]),
        );
    }

    #[test]
    fn juniper_hears_the_session_id_alone() {
        check(Make::Juniper, &full(), Ok(&[(kind::ACCT_SESSION_ID, b"0081A2")]));
    }

    #[test]
    fn mikrotik_hears_the_address_its_hotspot_needs() {
        check(
            Make::MikroTik,
            &full(),
            Ok(&[
                (kind::USER_NAME, b"alice@demo"),
                (kind::FRAMED_IP_ADDRESS, &[100, 64, 0, 9]),
                (kind::ACCT_SESSION_ID, b"0081A2"),
            ]),
        );
    }

    #[test]
    fn a_session_without_id_is_not_asked_for() {
        let run = recorded(&[(kind::USER_NAME, b"alice@demo")]);
        check(Make::Generic, &run, Err(IdentificationError::NoSessionId));
    }

    #[test]
    fn a_damaged_record_is_told_and_not_guessed() {
        check(
            Make::Generic,
            &[1, 200, 3],
            Err(IdentificationError::Damaged { left: 3 }),
        );
        check(
            Make::Generic,
            &[1, 1],
            Err(IdentificationError::Damaged { left: 2 }),
        );
        check(
            Make::Generic,
            &[44],
            Err(IdentificationError::Damaged { left: 1 }),
        );
    }

    #[test]
    fn types_are_read_in_any_case_and_unknown_ones_are_generic() {
        assert_eq!(Make::from_type("MikroTik"), Make::MikroTik);
        assert_eq!(Make::from_type("VyOS"), Make::AccelPpp);
        assert_eq!(Make::from_type("other"), Make::Generic);
    }
}
