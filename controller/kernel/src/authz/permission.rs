//! The closed list of permissions, and sets of them.
//! Never says who has which: that is [`super::role`] for the built-in roles and `identity` for people and keys.
//!
//! A permission is spelled `area:thing:verb`. The first seventeen and the two of billing are the words of the trade
//! the rest guard the kernel itself. Adding one means: a line in the list below, a place in the
//! built-in roles, and a route that needs it; the printed matrix in `docs/permissions.md` shows the effect.

use std::fmt;
use std::str::FromStr;

/// Declares the enum and its table in one place, so that none of them can be forgotten in the other.
macro_rules! permissions {
    ($($name:ident = $text:literal, $critical:literal, $description:literal;)+) => {
        /// One thing an actor may be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Permission {
            $(#[doc = $description] $name,)+
        }

        impl Permission {
            /// All of them, in the order of the list.
            pub const ALL: &'static [Permission] = &[$(Permission::$name,)+];

            /// The spelling in the API, in role tables and in messages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Whether using it needs care: always audited, and a candidate for step-up and approval.
            pub const fn critical(self) -> bool {
                match self { $(Self::$name => $critical,)+ }
            }

            /// What it allows, for people.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => $description,)+ }
            }
        }
    };
}

permissions! {
    RadiusSubscribersRead = "radius:subscribers:read", false, "See subscribers, plans and why a login was refused";
    RadiusSubscribersWrite = "radius:subscribers:write", false, "Create and change subscribers and plans";
    RadiusSubscribersDelete = "radius:subscribers:delete", false, "Delete subscribers and plans";
    RadiusSessionsRead = "radius:sessions:read", false, "See live and past sessions";
    RadiusSessionsDisconnect = "radius:sessions:disconnect", true, "End live sessions";
    RadiusNasManage = "radius:nas:manage", false, "Admit, change and remove network access servers";
    NetboxIpamRead = "netbox:ipam:read", false, "See prefixes and addresses";
    NetboxIpamAllocate = "netbox:ipam:allocate", false, "Allocate addresses";
    NetboxDcimRead = "netbox:dcim:read", false, "See sites, racks and devices";
    VolthaOltRead = "voltha:olt:read", false, "See OLTs";
    VolthaOnuProvision = "voltha:onu:provision", true, "Provision ONUs";
    VolthaOnuDelete = "voltha:onu:delete", false, "Delete ONUs";
    GenieacsCpeRead = "genieacs:cpe:read", false, "See CPEs";
    GenieacsCpeConfigure = "genieacs:cpe:configure", true, "Configure CPEs";
    GenieacsCpeReboot = "genieacs:cpe:reboot", false, "Reboot CPEs";
    AnsibleWorkflowsRead = "ansible:workflows:read", false, "See workflows and their runs";
    AnsibleWorkflowsExecute = "ansible:workflows:execute", true, "Run workflows";
    BillingInvoicesRead = "billing:invoices:read", false, "See invoices";
    BillingPaymentsWrite = "billing:payments:write", false, "Record payments";
    PlatformPartnersManage = "platform:partners:manage", true, "Create, suspend and resume partners";
    PartnerRead = "partner:read", false, "See the partner, its clients and sites";
    PartnerManage = "partner:manage", false, "Change the partner, its clients, sites and settings";
    UsersRead = "users:read", false, "See users and their roles";
    UsersManage = "users:manage", true, "Create and change users, grant and take roles";
    RolesRead = "roles:read", false, "See roles and their permissions";
    RolesManage = "roles:manage", true, "Create, change and remove the partner's own roles";
    ApiKeysManage = "api-keys:manage", true, "Create, list and revoke API keys";
    EventsRead = "events:read", false, "Be told what happens, as far as one may read what it happens to";
    WebhooksManage = "webhooks:manage", true, "Say to which servers the partner's events are sent";
    JobsManage = "jobs:manage", false, "See what the program has to do and has given up, and have it done once more";
    AuditRead = "audit:read", false, "Read the audit";
    IntegrationsRead = "integrations:read", false, "See systems of others and the age of what is shown there";
    IntegrationsManage = "integrations:manage", true, "Configure and try systems of others, and set what is shown there";
}

impl Permission {
    /// Whether it is about the platform itself and therefore means nothing when granted within one partner.
    pub const fn is_platform(self) -> bool {
        matches!(self, Self::PlatformPartnersManage)
    }

    /// Its place in a [`PermissionSet`].
    const fn bit(self) -> u64 {
        1 << self as u8
    }
}

// Every permission has a bit of its own.
const _: () = assert!(Permission::ALL.len() <= u64::BITS as usize);

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no permission we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission with this name")]
pub struct UnknownPermission;

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.as_str() == text)
            .ok_or(UnknownPermission)
    }
}

/// A set of permissions; a test of membership is one AND.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// Nothing.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Everything, the platform's own included.
    pub const fn all() -> Self {
        Self::of(Permission::ALL)
    }

    /// Everything that can be granted within one partner.
    pub const fn all_of_a_partner() -> Self {
        Self::all().partner_part()
    }

    /// These.
    pub const fn of(permissions: &[Permission]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < permissions.len() {
            bits |= permissions[at].bit();
            at += 1;
        }
        Self(bits)
    }

    /// Those of `names` that we know; names of a newer or older version are passed over.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(|name| name.parse().ok()).collect()
    }

    /// Whether `permission` is in it.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one only.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What of it can be granted within one partner.
    #[must_use]
    pub const fn partner_part(self) -> Self {
        let mut platform = 0;
        let mut at = 0;
        while at < Permission::ALL.len() {
            if Permission::ALL[at].is_platform() {
                platform |= Permission::ALL[at].bit();
            }
            at += 1;
        }
        Self(self.0 & !platform)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of it is also in `other`.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The members in the order of the list.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.contains(*permission))
    }

    /// The spelled members, for the API and the database.
    pub fn names(self) -> Vec<String> {
        self.iter()
            .map(|permission| permission.as_str().to_owned())
            .collect()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions
            .into_iter()
            .fold(Self::empty(), |set, one| set.union(Self::of(&[one])))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(Permission::as_str))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_none_appears_twice() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(*permission));
        }
        let names: std::collections::BTreeSet<_> = Permission::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(names.len(), Permission::ALL.len());
        assert_eq!("radius:everything".parse::<Permission>(), Err(UnknownPermission));
    }

    #[test]
    fn sets_behave_as_sets() {
        let read = PermissionSet::of(&[Permission::PartnerRead, Permission::UsersRead]);
        let more = read.union(PermissionSet::of(&[Permission::AuditRead]));
        assert!(read.is_subset(more) && !more.is_subset(read));
        assert_eq!(more.without(read), PermissionSet::of(&[Permission::AuditRead]));
        assert_eq!(more.intersection(read), read);
        assert_eq!(
            PermissionSet::from_names(read.names().iter().map(String::as_str)),
            read
        );
        assert!(PermissionSet::empty().is_empty() && !read.is_empty());
    }

    #[test]
    fn what_belongs_to_the_platform_is_not_part_of_a_partner() {
        let partner = PermissionSet::all_of_a_partner();
        assert!(!partner.contains(Permission::PlatformPartnersManage));
        assert_eq!(
            PermissionSet::all().without(partner),
            PermissionSet::of(&[Permission::PlatformPartnersManage])
        );
    }

    #[test]
    fn the_four_dangerous_acts_of_an_isp_are_critical() {
        for name in [
            "radius:sessions:disconnect",
            "voltha:onu:provision",
            "genieacs:cpe:configure",
            "ansible:workflows:execute",
        ] {
            assert!(
                name.parse::<Permission>().is_ok_and(Permission::critical),
                "{name}"
            );
        }
    }
}
