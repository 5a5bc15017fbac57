//! The roles that ship with the program, as templates over one list of permissions.
//! Never changed at run time: a partner who wants another set makes a role of his own.
//!
//! `docs/permissions.md` holds the printed matrix; a test compares it with this file, so that every change is reviewed.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::permission::Permission::{self, *};
use super::permission::PermissionSet;
use crate::id::RoleId;

/// A role that ships.
#[derive(Debug, Clone, Copy)]
pub struct BuiltInRole {
    /// Its stable name in files, the API and the command line.
    pub slug: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Whom it is for.
    pub description: &'static str,
    /// What it allows.
    pub permissions: PermissionSet,
}

/// What somebody who works on subscribers and their lines does all day; no deletion, no money, no people.
const FIELD_WORK: &[Permission] = &[
    PartnerRead,
    EventsRead,
    RadiusSubscribersRead,
    RadiusSubscribersWrite,
    RadiusSessionsRead,
    RadiusSessionsDisconnect,
    RadiusNasManage,
    NetboxIpamRead,
    NetboxIpamAllocate,
    NetboxDcimRead,
    VolthaOltRead,
    VolthaOnuProvision,
    GenieacsCpeRead,
    GenieacsCpeConfigure,
    GenieacsCpeReboot,
    AnsibleWorkflowsRead,
];

/// All of them. Rows of the requirements, an auditor, and a robot.
pub const BUILT_IN: &[BuiltInRole] = &[
    BuiltInRole {
        slug: "platform-admin",
        name: "Platform admin",
        description: "Runs the platform: everything, in every partner",
        permissions: PermissionSet::all(),
    },
    BuiltInRole {
        slug: "partner-admin",
        name: "Partner admin",
        description: "Runs one partner: everything within it",
        permissions: PermissionSet::all_of_a_partner(),
    },
    BuiltInRole {
        slug: "partner-tech",
        name: "Partner tech",
        description: "Works on subscribers, lines and devices; deletes nothing, sees no money",
        permissions: PermissionSet::of(FIELD_WORK),
    },
    BuiltInRole {
        slug: "client-contact",
        name: "Client contact",
        description: "Somebody of a client; may sign in, and will read his own client's data",
        permissions: PermissionSet::empty(),
    },
    BuiltInRole {
        slug: "admin",
        name: "Admin",
        description: "The same as partner admin, for those who say admin, technician, read-only",
        permissions: PermissionSet::all_of_a_partner(),
    },
    BuiltInRole {
        slug: "technician",
        name: "Technician",
        description: "The same as partner tech, for those who say admin, technician, read-only",
        permissions: PermissionSet::of(FIELD_WORK),
    },
    BuiltInRole {
        slug: "read-only",
        name: "Read-only",
        description: "Sees everything of a partner except the audit; changes nothing",
        permissions: PermissionSet::of(&[
            RadiusSubscribersRead,
            RadiusSessionsRead,
            NetboxIpamRead,
            NetboxDcimRead,
            VolthaOltRead,
            GenieacsCpeRead,
            AnsibleWorkflowsRead,
            BillingInvoicesRead,
            PartnerRead,
            UsersRead,
            RolesRead,
            IntegrationsRead,
            EventsRead,
        ]),
    },
    BuiltInRole {
        slug: "noc-engineer",
        name: "NOC engineer",
        description: "Finds out why somebody cannot log in, disconnects him, provisions ONUs",
        permissions: PermissionSet::of(&[
            RadiusSubscribersRead,
            RadiusSessionsRead,
            RadiusSessionsDisconnect,
            VolthaOltRead,
            VolthaOnuProvision,
            NetboxIpamRead,
        ]),
    },
    BuiltInRole {
        slug: "support-agent",
        name: "Support agent",
        description: "Looks up subscribers and their sessions",
        permissions: PermissionSet::of(&[RadiusSubscribersRead, RadiusSessionsRead]),
    },
    BuiltInRole {
        slug: "billing-staff",
        name: "Billing staff",
        description: "Reads invoices and records payments; no access to the network",
        permissions: PermissionSet::of(&[BillingInvoicesRead, BillingPaymentsWrite]),
    },
    BuiltInRole {
        slug: "auditor",
        name: "Auditor",
        description: "Reads the audit and who holds which role",
        permissions: PermissionSet::of(&[PartnerRead, UsersRead, RolesRead, AuditRead]),
    },
    BuiltInRole {
        slug: "provisioning-bot",
        name: "Provisioning bot",
        description: "Activates accounts, addresses, ONUs and CPEs without a person",
        permissions: PermissionSet::of(&[
            PartnerRead,
            RadiusSubscribersRead,
            RadiusSubscribersWrite,
            NetboxIpamRead,
            NetboxIpamAllocate,
            VolthaOltRead,
            VolthaOnuProvision,
            GenieacsCpeRead,
            GenieacsCpeConfigure,
            AnsibleWorkflowsRead,
            AnsibleWorkflowsExecute,
            EventsRead,
        ]),
    },
];

/// The slug of the role that the one-time set-up gives to the first person.
pub const PLATFORM_ADMIN: &str = "platform-admin";
/// The slug of the role that the first person of a partner holds.
pub const PARTNER_ADMIN: &str = "partner-admin";

impl BuiltInRole {
    /// The built-in role of that slug.
    pub fn find(slug: &str) -> Option<&'static Self> {
        BUILT_IN.iter().find(|role| role.slug == slug)
    }

    /// Its id: a UUIDv8 derived from the slug, the same in every installation.
    pub fn id(&self) -> RoleId {
        let digest = Sha256::digest(format!("headend built-in role {}", self.slug));
        let mut octets = [0; 16];
        octets.copy_from_slice(&digest[..16]);
        RoleId::from(Uuid::new_v8(octets))
    }
}

/// Roles times permissions as a table for reviewers: `x` where the role has the permission.
pub fn matrix() -> String {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let slugs = BUILT_IN.iter().map(|role| role.slug.to_owned());
    let mut out = row(std::iter::once("permission".to_owned()).chain(slugs).collect());
    out.push_str(&row(vec!["---".to_owned(); BUILT_IN.len() + 1]));
    for permission in Permission::ALL {
        let critical = if permission.critical() { " *critical*" } else { "" };
        let marks = BUILT_IN.iter().map(|role| {
            let has = role.permissions.contains(*permission);
            if has { "x" } else { "" }.to_owned()
        });
        out.push_str(&row(std::iter::once(format!("`{permission}`{critical}"))
            .chain(marks)
            .collect()));
    }
    out
}
