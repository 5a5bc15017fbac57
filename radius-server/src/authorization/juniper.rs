//! Juniper MX (and ERX before it): services and profiles by name, and one number for the speed to the subscriber.
//! *Ingress* is what comes from him.

use super::make::Make;
use super::sheet::{Writer, policy, speed, vendor};
use super::standard::{self, Dns};
use super::terms::{Term, Terms};

/// The enterprise number of Unisphere, which made the ERX.
const ERX: u32 = 4_874;
/// `ERX-Virtual-Router-Name`.
const VIRTUAL_ROUTER_NAME: u8 = 1;
/// `ERX-Primary-Dns` and `ERX-Secondary-Dns`.
const DNS_V4: [u8; 2] = [4, 5];
/// `ERX-Ingress-Policy-Name`.
const INGRESS_POLICY_NAME: u8 = 10;
/// `ERX-Egress-Policy-Name`.
const EGRESS_POLICY_NAME: u8 = 11;
/// `ERX-Ipv6-Primary-Dns` and `ERX-Ipv6-Secondary-Dns`.
const DNS_V6: [u8; 2] = [47, 48];
/// `ERX-Service-Activate`, behind a tag that numbers the services of one reply.
const SERVICE_ACTIVATE: u8 = 65;
/// `ERX-Service-Deactivate`, in a CoA-Request.
const SERVICE_DEACTIVATE: u8 = 66;
/// `ERX-CoS-Shaping-Pmt-Type`; `T02` and a number of bit/s is the shaping rate, towards the subscriber.
const COS_SHAPING_PMT_TYPE: u8 = 108;
/// `ERX-IPv6-NdRa-Pool-Name`.
const IPV6_NDRA_POOL_NAME: u8 = 157;
/// `ERX-IPv6-Delegated-Pool-Name`.
const IPV6_DELEGATED_POOL_NAME: u8 = 161;

/// Says the terms.
pub(super) fn write(terms: &Terms, sheet: &mut Writer) {
    standard::write_session(terms, sheet);
    let policy = policy(terms, Make::Juniper);
    if let Some(name) = &policy.name {
        let value = [&[1], name.as_bytes()].concat();
        sheet.vendor(
            Term::Policy,
            ERX,
            SERVICE_ACTIVATE,
            &value,
            format!("the service {name} is started"),
        );
    }
    if let Some(up) = &policy.up {
        let words = format!("the router's policy {up} for what comes from him");
        sheet.vendor(Term::Policy, ERX, INGRESS_POLICY_NAME, up.as_bytes(), words);
    }
    if let Some(down) = &policy.down {
        let words = format!("the router's policy {down} for what goes to him");
        sheet.vendor(Term::Policy, ERX, EGRESS_POLICY_NAME, down.as_bytes(), words);
    }
    // A service shapes by its arguments; two shapers would fight.
    if let (Some(down), None) = (terms.download_bps, &policy.name) {
        let words = format!("{} down", speed(down));
        let value = format!("T02 {down}");
        sheet.vendor(Term::Rate, ERX, COS_SHAPING_PMT_TYPE, value.as_bytes(), words);
        if policy.up.is_none() {
            let why = "Junos takes a number for the speed to the subscriber only: give the plan a policy for juniper, a \
                       service such as limit({down},{up}) or a name for up";
            sheet.unsaid(terms, Term::Rate, why);
        }
    }
    if let Some(pool) = &terms.ipv6_pool {
        let words = standard::ipv6_pool_words(pool);
        sheet.vendor(Term::Ipv6Pool, ERX, IPV6_NDRA_POOL_NAME, pool.as_bytes(), words);
    }
    if let Some(pool) = &terms.delegated_pool {
        let words = standard::delegated_pool_words(pool);
        sheet.vendor(
            Term::DelegatedPool,
            ERX,
            IPV6_DELEGATED_POOL_NAME,
            pool.as_bytes(),
            words,
        );
    }
    let dns = Dns::of(terms);
    dns.write_v4(ERX, DNS_V4, sheet);
    dns.write_v6(ERX, DNS_V6, sheet);
    standard::write_vlan(terms, sheet);
    standard::write_vrf(terms, ERX, VIRTUAL_ROUTER_NAME, sheet);
    standard::write_filter(terms, sheet);
    sheet.unsaid(terms, Term::Burst, "it is part of the router's profile");
    sheet.unsaid(terms, Term::Priority, "it is part of the router's profile");
    sheet.unsaid(terms, Term::RedirectUrl, "a service redirects; name it as policy");
    sheet.unsaid(
        terms,
        Term::AddressList,
        "Junos has no lists of addresses; name a service as policy",
    );
}

/// What starts or stops a service of a session that goes on.
pub(super) fn service(name: &[u8], starts: bool) -> Vec<u8> {
    match starts {
        true => vendor(ERX, SERVICE_ACTIVATE, &[&[1], name].concat()),
        false => vendor(ERX, SERVICE_DEACTIVATE, name),
    }
}
