//! Attributes of the Broadband Forum (DSL Forum): where the line is and what it carries (RFC 4679).
//!
//! A table and nothing else; how it is looked up is in [`super`].

use super::Definition;
use super::data_type::DataType::*;
use crate::attribute::kind::vendor::ADSL_FORUM;

/// Every attribute, by number.
pub(super) static DEFINITIONS: &[Definition] = &[
    Definition::new(ADSL_FORUM, 1, "ADSL-Agent-Circuit-Id", Text),
    Definition::new(ADSL_FORUM, 2, "ADSL-Agent-Remote-Id", Text),
    Definition::new(ADSL_FORUM, 129, "Actual-Data-Rate-Upstream", Integer),
    Definition::new(ADSL_FORUM, 130, "Actual-Data-Rate-Downstream", Integer),
    Definition::new(ADSL_FORUM, 131, "Minimum-Data-Rate-Upstream", Integer),
    Definition::new(ADSL_FORUM, 132, "Minimum-Data-Rate-Downstream", Integer),
    Definition::new(ADSL_FORUM, 133, "Attainable-Data-Rate-Upstream", Integer),
    Definition::new(ADSL_FORUM, 134, "Attainable-Data-Rate-Downstream", Integer),
    Definition::new(ADSL_FORUM, 135, "Maximum-Data-Rate-Upstream", Integer),
    Definition::new(ADSL_FORUM, 136, "Maximum-Data-Rate-Downstream", Integer),
    Definition::new(ADSL_FORUM, 137, "Minimum-Data-Rate-Upstream-Low-Power", Integer),
    Definition::new(ADSL_FORUM, 138, "Minimum-Data-Rate-Downstream-Low-Power", Integer),
    Definition::new(ADSL_FORUM, 139, "Maximum-Interleaving-Delay-Upstream", Integer),
    Definition::new(ADSL_FORUM, 140, "Actual-Interleaving-Delay-Upstream", Integer),
    Definition::new(ADSL_FORUM, 141, "Maximum-Interleaving-Delay-Downstream", Integer),
    Definition::new(ADSL_FORUM, 142, "Actual-Interleaving-Delay-Downstream", Integer),
    Definition::new(ADSL_FORUM, 144, "Access-Loop-Encapsulation", Octets),
    Definition::new(ADSL_FORUM, 254, "IWF-Session", Octets),
];
