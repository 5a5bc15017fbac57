//! By what a NAS's requests are told apart, in which order. Decided once when the NAS is put, not for each request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One rule by which a subscriber is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifyBy {
    /// The User-Name he sends.
    UserName = 1,
    /// The line he is on: circuit id, remote id, NAS-Port-Id, VLANs.
    Line = 2,
    /// The MAC address of his device, in a request that is made for a device.
    Mac = 3,
}

impl IdentifyBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::UserName, Self::Line, Self::Mac];

    /// The word in files, in the API and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserName => "user_name",
            Self::Line => "line",
            Self::Mac => "mac",
        }
    }
}

impl FromStr for IdentifyBy {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word).ok_or(())
    }
}

/// Rules in the order in which they are tried, each at most once; by user name alone unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Identify([Option<IdentifyBy>; IdentifyBy::ALL.len()]);

impl Identify {
    /// By user name alone, what everybody does who does nothing else.
    pub const USER_NAME: Self = Self([Some(IdentifyBy::UserName), None, None]);

    /// Puts rules in order; `None` when there are none, or one comes twice.
    #[must_use]
    pub fn new(rules: &[IdentifyBy]) -> Option<Self> {
        let mut places = [None; IdentifyBy::ALL.len()];
        for (at, rule) in rules.iter().enumerate() {
            if rules[..at].contains(rule) {
                return None;
            }
            *places.get_mut(at)? = Some(*rule);
        }
        places[0].is_some().then_some(Self(places))
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = IdentifyBy> {
        self.0.into_iter().flatten()
    }

    /// Whether there is nothing to look at but the user name: the quick way.
    #[must_use]
    pub fn by_user_name_alone(&self) -> bool {
        *self == Self::USER_NAME
    }
}

impl Default for Identify {
    fn default() -> Self {
        Self::USER_NAME
    }
}

impl fmt::Debug for Identify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use IdentifyBy::{Line, Mac, UserName};

    #[test]
    fn rules_keep_their_order_and_none_comes_twice() {
        let order = Identify::new(&[Line, Mac, UserName]).expect("rules");
        assert_eq!(order.rules().collect::<Vec<_>>(), [Line, Mac, UserName]);
        assert!(!order.by_user_name_alone());
        assert!(Identify::default().by_user_name_alone());
        assert_eq!(Identify::new(&[]), None);
        assert_eq!(Identify::new(&[Mac, Mac]), None);
        assert_eq!(Identify::new(&[Mac, Line, UserName, Mac]), None);
    }

    #[test]
    fn every_rule_has_its_word() {
        for rule in IdentifyBy::ALL {
            assert_eq!(rule.as_str().parse(), Ok(rule));
        }
    }
}
