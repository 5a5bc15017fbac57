//! What differs with accounting.

use super::Explained;
use crate::differential::stream::Mark;
use radius::Code;

/// All of it.
pub const ACCOUNTING: &[Explained] = &[
    Explained {
        what: "An Accounting-Request with Message-Authenticator, and Status-Server on the accounting port",
        theirs: "Answers without.",
        ours: "Answers with Message-Authenticator, first.",
        why: "Who signs expects a signature. A request without gets a response without, because RFC 2869 does not list the attribute there and old NAS reject what they do not know.",
        is: |difference| {
            (difference.has(Mark::Signed) || difference.has(Mark::Status))
                && difference.values(Code::AccountingResponse, "Message-Authenticator")
                    == Some([&["valid".to_owned()], &[]])
        },
    },
    Explained {
        what: "An Accounting-Request without Acct-Status-Type, or with one that is no number",
        theirs: "Writes down what there is, and answers.",
        ours: "Does not answer, and counts it.",
        why: "RFC 2866 section 5.13: there must be one. Without it nobody can tell what the record means, and an answer would say that it is kept.",
        is: |difference| {
            difference.has(Mark::NoStatus) && difference.is_code(None, Some(Code::AccountingResponse))
        },
    },
    Explained {
        what: "An Accounting-Request with EAP-Message and without Message-Authenticator",
        theirs: "Does not answer.",
        ours: "Keeps the record, and answers.",
        why: "RFC 3579 section 3.1 is about logins. The Request Authenticator proves an Accounting-Request, and one attribute too many should not lose a record.",
        is: |difference| {
            difference.has(Mark::Accounting)
                && difference.has(Mark::Eap)
                && difference.is_code(Some(Code::AccountingResponse), None)
        },
    },
    Explained {
        what: "Proxy-State of no octets",
        theirs: "Does not copy it into the response.",
        ours: "Copies it as it came.",
        why: "As with logins.",
        is: |difference| {
            difference.has(Mark::Empty)
                && difference.values(Code::AccountingResponse, "Proxy-State")
                    == Some([&["0x".to_owned()], &[]])
        },
    },
    Explained {
        what: "An attribute of type 0",
        theirs: "Does not answer.",
        ours: "Keeps the record, and answers.",
        why: "As with logins.",
        is: |difference| {
            difference.has(Mark::TypeZero) && difference.is_code(Some(Code::AccountingResponse), None)
        },
    },
];
