//! What differs with methods inside TLS.

use super::Explained;
use crate::differential::compare::What;
use crate::differential::stream::Mark;
use radius::Code;

/// All of it.
pub const TUNNELS: &[Explained] = &[
    Explained {
        what: "Access-Accept after PAP, CHAP or MS-CHAP inside EAP-TTLS",
        theirs: "Sends the name that was said outside of the tunnel back as User-Name.",
        ours: "Sends the name that was said inside, as after EAP inside the tunnel.",
        why: "RFC 2865 section 5.1: it is the name to account under. Anonymous is nobody to be billed.",
        is: |difference| {
            difference.has(Mark::Anonymous)
                && match difference.values(Code::AccessAccept, "User-Name") {
                    Some([[ours], [theirs]]) => ours != theirs && theirs == "\"anonymous@demo\"",
                    _ => false,
                }
        },
    },
    Explained {
        what: "Access-Accept after MS-CHAP version 1 inside EAP-TTLS",
        theirs: "Sends MS-CHAP-MPPE-Keys, made from the NT hash of the password, beside the keys of the tunnel.",
        ours: "Sends the keys of the tunnel.",
        why: "RFC 5281 section 8: keys come of the tunnel. The others are worth the password to who breaks the shared secret, and nothing to the NAS.",
        is: |difference| {
            difference.has(Mark::Tunnel)
                && matches!(
                    difference.values(Code::AccessAccept, "MS-CHAP-MPPE-Keys"),
                    Some([[], [_]])
                )
        },
    },
    Explained {
        what: "EAP-TLS with a certificate of another name than the identity",
        theirs: "Serves whom the identity names, and anybody else in whose name a certificate was issued, known or not.",
        ours: "Serves whom the certificate names, if there is such a subscriber.",
        why: "The identity is what somebody says, the certificate what he proved. FreeRADIUS compares the two when `check_cert_cn` says so.",
        is: |difference| {
            difference.has(Mark::Certificate)
                && (difference.is_code(Some(Code::AccessReject), Some(Code::AccessAccept))
                    || difference.has(Mark::OtherName)
                        && matches!(difference.what, What::Attribute(Code::AccessAccept, ..)))
        },
    },
];
