//! The makes of NAS whose dialects are spoken here. A new one is a variant, its words, and a file beside this one.

use serde::{Deserialize, Serialize};

use super::sheet::Writer;
use super::terms::Terms;
use super::{accel, cisco, generic, h3c, huawei, ikuai, juniper, mikrotik, nokia, zte};

/// Who wants to be told in which attributes.
///
/// A make's place is its number in a journalled decision: a new one goes to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Make {
    /// MikroTik RouterOS.
    Mikrotik,
    /// Any other: the attributes of the RFCs, and WISPr's for the speeds. Ubiquiti's EdgeOS and hostapd are among these.
    Generic,
    /// Cisco IOS XE with ISG.
    Cisco,
    /// Juniper MX, and ERX before it.
    Juniper,
    /// Huawei ME60 and NetEngine.
    Huawei,
    /// Nokia 7750 SR, once Alcatel.
    Nokia,
    /// accel-ppp, and VyOS, which uses it.
    Accel,
    /// ZTE.
    Zte,
    /// H3C.
    H3c,
    /// iKuai.
    Ikuai,
}

impl Make {
    /// Every make, each at its place.
    pub const ALL: [Self; 10] = [
        Self::Mikrotik,
        Self::Generic,
        Self::Cisco,
        Self::Juniper,
        Self::Huawei,
        Self::Nokia,
        Self::Accel,
        Self::Zte,
        Self::H3c,
        Self::Ikuai,
    ];

    /// The make that a NAS's `type` (FreeRADIUS's word) names, in any case; what is not known is [`Make::Generic`].
    #[must_use]
    pub fn of_type(nas_type: &str) -> Self {
        match nas_type.to_ascii_lowercase().as_str() {
            "mikrotik" | "routeros" => Self::Mikrotik,
            "cisco" | "isg" | "ios-xe" => Self::Cisco,
            "juniper" | "junos" | "erx" | "unisphere" => Self::Juniper,
            "huawei" | "me60" | "netengine" => Self::Huawei,
            "nokia" | "alcatel" | "timetra" => Self::Nokia,
            "accel" | "accel-ppp" | "vyos" => Self::Accel,
            "zte" => Self::Zte,
            "h3c" => Self::H3c,
            "ikuai" => Self::Ikuai,
            _ => Self::Generic,
        }
    }

    /// The stable word: in a plan's policies, in the API, in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mikrotik => "mikrotik",
            Self::Generic => "generic",
            Self::Cisco => "cisco",
            Self::Juniper => "juniper",
            Self::Huawei => "huawei",
            Self::Nokia => "nokia",
            Self::Accel => "accel",
            Self::Zte => "zte",
            Self::H3c => "h3c",
            Self::Ikuai => "ikuai",
        }
    }

    /// The attributes in which it hears a speed, for explanations.
    #[must_use]
    pub const fn rate_attributes(self) -> &'static str {
        match self {
            Self::Mikrotik => "Mikrotik-Rate-Limit",
            Self::Generic => "WISPr-Bandwidth-Max-Up/Down",
            Self::Cisco => "a policy of the router",
            Self::Juniper => "ERX-CoS-Shaping-Pmt-Type",
            Self::Huawei => "Huawei-Input/Output-Average-Rate",
            Self::Nokia => "Alc-Subscriber-QoS-Override",
            Self::Accel => "Filter-Id",
            Self::Zte => "ZTE-Rate-Ctrl-SCR-Down/Up",
            Self::H3c => "H3C-Input/Output-Average-Rate",
            Self::Ikuai => "RP-Upstream/Downstream-Speed-Limit",
        }
    }

    /// Says the terms in this make's words.
    pub(super) fn write(self, terms: &Terms, sheet: &mut Writer) {
        match self {
            Self::Mikrotik => mikrotik::write(terms, sheet),
            Self::Generic => generic::write(terms, sheet),
            Self::Cisco => cisco::write(terms, sheet),
            Self::Juniper => juniper::write(terms, sheet),
            Self::Huawei => huawei::write(terms, sheet),
            Self::Nokia => nokia::write(terms, sheet),
            Self::Accel => accel::write(terms, sheet),
            Self::Zte => zte::write(terms, sheet),
            Self::H3c => h3c::write(terms, sheet),
            Self::Ikuai => ikuai::write(terms, sheet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_make_stands_at_its_number_and_is_its_own_word() {
        for (place, make) in Make::ALL.into_iter().enumerate() {
            assert_eq!(make as usize, place);
            assert_eq!(Make::of_type(make.as_str()), make);
        }
        assert_eq!(Make::of_type("MikroTik"), Make::Mikrotik);
        assert_eq!(Make::of_type("hostapd"), Make::Generic);
        assert_eq!(Make::of_type("EdgeOS"), Make::Generic);
    }
}
