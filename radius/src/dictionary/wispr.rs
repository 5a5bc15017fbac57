//! Attributes of WISPr, which many hotspot and PPPoE gateways take for bandwidth.
//!
//! A table and nothing else; how it is looked up is in [`super`].

use super::Definition;
use super::data_type::DataType::*;
use crate::attribute::kind::vendor::WISPR;

/// Every attribute, by number.
pub(super) static DEFINITIONS: &[Definition] = &[
    Definition::new(WISPR, 1, "WISPr-Location-ID", Text),
    Definition::new(WISPR, 2, "WISPr-Location-Name", Text),
    Definition::new(WISPR, 3, "WISPr-Logoff-URL", Text),
    Definition::new(WISPR, 4, "WISPr-Redirection-URL", Text),
    Definition::new(WISPR, 5, "WISPr-Bandwidth-Min-Up", Integer),
    Definition::new(WISPR, 6, "WISPr-Bandwidth-Min-Down", Integer),
    Definition::new(WISPR, 7, "WISPr-Bandwidth-Max-Up", Integer),
    Definition::new(WISPR, 8, "WISPr-Bandwidth-Max-Down", Integer),
    Definition::new(WISPR, 9, "WISPr-Session-Terminate-Time", Text),
    Definition::new(WISPR, 10, "WISPr-Session-Terminate-End-Of-Day", Text),
    Definition::new(WISPR, 11, "WISPr-Billing-Class-Of-Service", Text),
    Definition::new(WISPR, 12, "WISPr-Offered-Service", Text),
    Definition::new(WISPR, 13, "WISPr-Financial-Clearing-Provider", Text),
    Definition::new(WISPR, 14, "WISPr-Data-Clearing-Provider", Text),
    Definition::new(WISPR, 15, "WISPr-Linear-Volume-Rate", Octets),
    Definition::new(WISPR, 16, "WISPr-Identity-Provider", Text),
    Definition::new(WISPR, 17, "WISPr-Custom-SLA", Text),
];
