//! Attributes of accel-ppp.
//!
//! A table and nothing else; how it is looked up is in [`super`].

use super::Definition;
use super::data_type::DataType::*;
use crate::attribute::kind::vendor::ACCEL;

/// Every attribute, by number.
pub(super) static DEFINITIONS: &[Definition] = &[Definition::new(ACCEL, 1, "Accel-VRF-Name", Text)];
