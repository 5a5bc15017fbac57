//! Whom a client certificate is about. The rule: the names in Subject Alternative Name by kind (mail address, URI, DNS name,
//! Microsoft's user principal name), in the order they stand within each kind; then the Common Names of the subject. The
//! first of them that is the user name of one of the partner's subscribers is he. What else the certificate says was
//! checked before: it is of a CA of ours, in its time, and not revoked.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// Names that are looked up, at most; a certificate with a thousand of them must not cost a thousand lookups.
pub(super) const NAMES_MAX: usize = 16;
/// Microsoft's user principal name among other names.
const UPN: &str = "1.3.6.1.4.1.311.20.2.3";
/// Tags of the texts that a user principal name comes as.
const TEXT_TAGS: [u8; 2] = [0x0c, 0x16];

/// The names in a certificate, in the order of the rule.
pub(super) fn names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    let mut kinds: [Vec<String>; 5] = Default::default();
    let [mails, uris, hosts, principals, common] = &mut kinds;
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        for name in &alternative.value.general_names {
            match name {
                GeneralName::RFC822Name(mail) => mails.push((*mail).to_owned()),
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                GeneralName::DNSName(host) => hosts.push((*host).to_owned()),
                GeneralName::OtherName(kind, value) if kind.to_id_string() == UPN => {
                    principals.extend(principal(value));
                }
                _ => {}
            }
        }
    }
    let subject = certificate.subject().iter_common_name();
    common.extend(subject.filter_map(|name| name.as_str().ok().map(str::to_owned)));
    let mut names: Vec<_> = kinds.into_iter().flatten().collect();
    names.truncate(NAMES_MAX);
    names
}

/// The text in a user principal name: `[0] { UTF8String }`.
fn principal(value: &[u8]) -> Option<String> {
    let (&[0xa0, outer], text) = value.split_first_chunk::<2>()? else {
        return None;
    };
    let (&[tag, len], text) = text.get(..usize::from(outer))?.split_first_chunk::<2>()?;
    let text = text.get(..usize::from(len))?;
    TEXT_TAGS
        .contains(&tag)
        .then(|| String::from_utf8(text.to_vec()).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, OtherNameValue, SanType};

    /// The names of a certificate with these alternative ones, and alice as its subject.
    fn names_of(alternative: Vec<SanType>) -> Vec<String> {
        let mut params = CertificateParams::new(Vec::new()).expect("names");
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.subject_alt_names = alternative;
        let key = KeyPair::generate().expect("a key");
        names(params.self_signed(&key).expect("signed").der())
    }

    #[test]
    fn names_come_by_kind_and_the_subject_last() {
        let principal = OtherNameValue::Utf8String("alice@corp.demo".into());
        let alternative = vec![
            SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], principal)),
            SanType::DnsName("alice.demo".try_into().expect("a name")),
            SanType::URI("sub:alice".try_into().expect("a name")),
            SanType::Rfc822Name("alice@demo".try_into().expect("a name")),
        ];
        let expect = [
            "alice@demo",
            "sub:alice",
            "alice.demo",
            "alice@corp.demo",
            "alice",
        ];
        assert_eq!(names_of(alternative), expect);
    }

    #[test]
    fn a_certificate_with_many_names_is_cut() {
        let host = |n: u32| SanType::DnsName(format!("h{n}.demo").try_into().expect("a name"));
        assert_eq!(names_of((0..100).map(host).collect()).len(), NAMES_MAX);
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        assert!(names(b"no certificate").is_empty());
        assert_eq!(principal(&[0xa0, 3, 0x0c, 9, b'a']), None);
        assert_eq!(principal(&[0xa0]), None);
    }
}
