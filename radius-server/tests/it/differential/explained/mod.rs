//! Every difference there may be, and why: what `docs/freeradius-differences.md` says is written from here. Those of logins
//! without TLS are here, those of methods inside TLS in [`tunnels`], those of accounting in [`accounting`].

mod accounting;
mod tunnels;

pub use accounting::ACCOUNTING;
pub use tunnels::TUNNELS;

use super::compare::{Difference, What};
use super::stream::Mark;
use radius::Code;
use std::fmt::Write;

/// A difference that is meant.
pub struct Explained {
    /// When.
    pub what: &'static str,
    /// What FreeRADIUS does.
    theirs: &'static str,
    /// What we do.
    ours: &'static str,
    /// Why we do so.
    why: &'static str,
    /// Whether a difference is this one.
    pub is: fn(&Difference<'_>) -> bool,
}

/// All of them.
pub const EXPLAINED: &[Explained] = &[
    Explained {
        what: "Every reply",
        theirs: "Signs replies that carry EAP; others only when told to by a reply attribute.",
        ours: "Message-Authenticator stands first in every reply to an Access-Request or Status-Server.",
        why: "A reply without it can be forged by who can collide MD5 (CVE-2024-3596). FreeRADIUS does the same from 3.2.5 on.",
        is: |difference| {
            [Code::AccessAccept, Code::AccessReject, Code::AccessChallenge]
                .into_iter()
                .any(|code| {
                    difference.values(code, "Message-Authenticator") == Some([&["valid".to_owned()], &[]])
                })
        },
    },
    Explained {
        what: "Access-Accept",
        theirs: "Sends the Class that the user's attributes have, or none.",
        ours: "Sends one of its own besides, before those.",
        why: "The NAS repeats it in accounting; it ties a session to the decision that let it in.",
        is: |difference| match difference.values(Code::AccessAccept, "Class") {
            Some([[first, own @ ..], theirs]) => first == "a Class of the server's own" && own == theirs,
            _ => false,
        },
    },
    Explained {
        what: "Access-Reject without EAP",
        theirs: "Sends the Reply-Message that the user's attributes have, which may be a welcome, or none.",
        ours: "Sends a Reply-Message of its own that says what the subscriber may know: not whether name or password was wrong.",
        why: "Attributes of an accepted login are none of a rejected one; and who is suspended should not look for a typing mistake.",
        is: |difference| match difference.values(Code::AccessReject, "Reply-Message") {
            Some([[ours], theirs]) => ours == "\"Login incorrect\"" && matches!(theirs, [] | [_]),
            _ => false,
        },
    },
    Explained {
        what: "A login by MS-CHAP version 1 that passes",
        theirs: "MS-MPPE-Encryption-Types offers 40 and 128 bits.",
        ours: "Offers 128 bits only. The keys are the same.",
        why: "Keys of 40 bits are made from the LAN Manager hash in version 1 (RFC 2548 section 2.4.1); neither server has one, so such a link would not work.",
        is: |difference| {
            difference.has(Mark::MsChap1)
                && difference.values(Code::AccessAccept, "MS-MPPE-Encryption-Types")
                    == Some([
                        &["RC4-128bit-Allowed".to_owned()],
                        &["RC4-40or128-bit-Allowed".to_owned()],
                    ])
        },
    },
    Explained {
        what: "A login by MS-CHAP version 2 that fails",
        theirs: "MS-CHAP-Error says `M=Authentication rejected`.",
        ours: "Says `M=Login incorrect`, as Reply-Message does. Identifier, error, retry and version are the same.",
        why: "The text is for people (RFC 2759 section 6), who should read the same twice.",
        is: |difference| match difference.values(Code::AccessReject, "MS-CHAP-Error") {
            Some([[ours], [theirs]]) => {
                ours.replace("M=Login incorrect", "M=Authentication rejected") == *theirs
            }
            _ => false,
        },
    },
    Explained {
        what: "MS-CHAP without a User-Name, or with a response of another length than it must have",
        theirs: "Rejects without MS-CHAP-Error.",
        ours: "Rejects with MS-CHAP-Error.",
        why: "The peer waits for a Failure packet, which the NAS makes from it.",
        is: |difference| {
            [Mark::NoName, Mark::BadCredential, Mark::Damaged]
                .into_iter()
                .any(|mark| difference.has(mark))
                && matches!(
                    difference.values(Code::AccessReject, "MS-CHAP-Error"),
                    Some([[_], []])
                )
        },
    },
    Explained {
        what: "PAP, not signed, User-Password hidden with another secret than ours",
        theirs: "Rejects, with a reply that the NAS cannot believe.",
        ours: "Does not answer, and says in the decision that the secrets differ.",
        why: "The NAS drops the reply anyway and reports a server that does not answer, which is what the operator should look for.",
        is: |difference| {
            difference.has(Mark::Pap)
                && (difference.has(Mark::OtherSecret) || difference.has(Mark::Damaged))
                && difference.is_code(None, Some(Code::AccessReject))
        },
    },
    Explained {
        what: "A response of MS-CHAP that is right, beside a CHAP-Password that is not",
        theirs: "Checks CHAP, whose module stands first, and rejects.",
        ours: "Checks the strongest: EAP, MS-CHAP, CHAP, PAP in this order, and accepts.",
        why: "RFC 2865 section 4.1 allows one credential only. There it depends on the order of modules which one counts; here it is always the same.",
        is: |difference| {
            difference.has(Mark::TwoMethods)
                && difference.is_code(Some(Code::AccessAccept), Some(Code::AccessReject))
        },
    },
    Explained {
        what: "An attribute of type 0",
        theirs: "Does not answer.",
        ours: "Answers; the attribute is one that nobody knows.",
        why: "RFC 2865 section 5: a server may ignore attributes of unknown type. One octet that a NAS sets wrongly should not cost a subscriber his login.",
        is: |difference| {
            difference.has(Mark::TypeZero)
                && [Code::AccessAccept, Code::AccessReject, Code::AccessChallenge]
                    .into_iter()
                    .any(|code| difference.is_code(Some(code), None))
        },
    },
    Explained {
        what: "Proxy-State of no octets",
        theirs: "Does not copy it into the reply.",
        ours: "Copies it as it came.",
        why: "RFC 2865 section 5.33: all of them are copied, in order and unmodified. Whether one of no octets is any is for its sender to say.",
        is: |difference| {
            difference.has(Mark::Empty)
                && [Code::AccessAccept, Code::AccessReject]
                    .into_iter()
                    .any(|code| difference.values(code, "Proxy-State") == Some([&["0x".to_owned()], &[]]))
        },
    },
    Explained {
        what: "Access-Challenge of EAP",
        theirs: "Sends the attributes of the user's Access-Accept as well, unless its filter is switched on.",
        ours: "Sends EAP-Message, State and what the request had of Proxy-State.",
        why: "Addresses, pools and routes have no place in an Access-Challenge, Session-Timeout means something else there (RFC 2865 section 5.44, RFC 3580 section 3.17), and nobody has proved anything yet.",
        is: |difference| match &difference.what {
            What::Attribute(Code::AccessChallenge, name, [ours, theirs]) => {
                !["EAP-Message", "State", "Proxy-State"].contains(&name.as_str())
                    && ours.is_empty()
                    && !theirs.is_empty()
            }
            _ => false,
        },
    },
    Explained {
        what: "The question of EAP-MD5",
        theirs: "Ends with the challenge.",
        ours: "The server's name follows the challenge.",
        why: "RFC 1994 section 4.1: Name is one or more octets. Peers that do not need it pass over it.",
        is: |difference| {
            // Code, Identifier, length and method.
            match difference.values(Code::AccessChallenge, "EAP-Message") {
                Some([[ours], [theirs]]) => {
                    ours.ends_with("001d04") && theirs.ends_with("001604") && ours[..4] == theirs[..4]
                }
                _ => false,
            }
        },
    },
    Explained {
        what: "EAP of somebody of whom only an NT hash is stored",
        theirs: "Begins with the method configured, EAP-MD5 here, which must fail.",
        ours: "Begins with EAP-MSCHAPv2.",
        why: "A method that what is stored cannot serve is not offered.",
        is: |difference| {
            difference.values(Code::AccessChallenge, "EAP-Message")
                == Some([&["010a00211a".to_owned()], &["010a001604".to_owned()]])
        },
    },
    Explained {
        what: "Access-Accept after EAP-MD5",
        theirs: "Sends the request's User-Name back.",
        ours: "Sends User-Name only when the name was said inside a tunnel.",
        why: "RFC 2865 section 5.1 has it there for a NAS that should account under another name; this one it knows.",
        is: |difference| {
            difference.has(Mark::Eap)
                && matches!(
                    difference.values(Code::AccessAccept, "User-Name"),
                    Some([[], [_]])
                )
        },
    },
    Explained {
        what: "An EAP-Message of no octets (EAP-Start)",
        theirs: "Asks for the identity, with a State.",
        ours: "Asks for the identity, without.",
        why: "There is no conversation yet, so nothing to remember for it.",
        is: |difference| {
            difference.has(Mark::Eap)
                && difference.values(Code::AccessChallenge, "State")
                    == Some([&[], &["some State".to_owned()]])
        },
    },
    Explained {
        what: "A packet of EAP that makes no sense: cut, a request, or the answer to no question",
        theirs: "Rejects without EAP-Message, or, to a request, with the Nak of a peer.",
        ours: "Rejects with EAP-Failure.",
        why: "The NAS hands EAP-Failure to the peer, who would otherwise wait until he gives up.",
        is: |difference| {
            difference.has(Mark::BadCredential)
                && match difference.values(Code::AccessReject, "EAP-Message") {
                    Some([[ours], theirs]) => {
                        ours.starts_with("04") && ours.ends_with("0004") && matches!(theirs, [] | [_])
                    }
                    _ => false,
                }
        },
    },
];

/// What differs with what was recorded beyond that: nothing.
pub const RECORDED: &[Explained] = &[];

/// The page that says all this.
pub fn page() -> String {
    let mut page = String::from(
        "# Where replies differ from FreeRADIUS's\n\n\
         Tests send the same requests to Debian's FreeRADIUS 3.2.1 (modules files, pap, chap, mschap, eap, detail; the usual\n\
         filter of rejects) and to Headend with the same users, and compare the decoded replies attribute by attribute. These\n\
         are all the differences they find. The page is written from the tables of those tests\n\
         (`radius-server/tests/it/differential/explained/`), which fail on any other, and on one that is no longer seen.\n",
    );
    for (title, about, table) in PARTS {
        let _never_fails = write!(
            page,
            "\n## {title}\n\n{about}\n\n| When | FreeRADIUS | Headend | Why |\n|---|---|---|---|\n"
        );
        for Explained {
            what,
            theirs,
            ours,
            why,
            ..
        } in table
        {
            let _never_fails = writeln!(page, "| {what} | {theirs} | {ours} | {why} |");
        }
    }
    page
}

/// The parts of the page: title, what was compared, and what differs.
const PARTS: [(&str, &str, &[Explained]); 3] = [
    (
        "Logins",
        "PAP, CHAP, both versions of MS-CHAP, EAP-MD5, right and wrong passwords, odd names, odd attributes, malformed packets, and\n\
         eight hundred requests that a seeded generator makes, half of them damaged afterwards; and what hostapd, radclient and\n\
         the lab's BNG sent when it was recorded (`radius-server/tests/recorded/`).",
        EXPLAINED,
    ),
    (
        "Methods inside TLS",
        "EAP-TLS, EAP-TTLS (PAP, CHAP, MS-CHAP, MS-CHAPv2, EAP-MD5, EAP-GTC, EAP-MSCHAPv2) and PEAP (EAP-MSCHAPv2, EAP-GTC,\n\
         EAP-MD5) by eapol_test with TLS 1.2 and 1.3, the same certificates on both: the last reply is compared, and that both\n\
         give the NAS the keys eapol_test has. FreeRADIUS has `use_tunneled_reply`. What is said of logins holds here, too.",
        TUNNELS,
    ),
    (
        "Accounting",
        "Every Acct-Status-Type, attributes missing, odd and too many, signatures, retransmissions, other packets on the port, and\n\
         four hundred requests that a seeded generator makes, some of them damaged afterwards: replies and silence.",
        ACCOUNTING,
    ),
];
