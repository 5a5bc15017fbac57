//! What can happen in the kernel. Other modules have a list of their own.

crate::event_kinds! {
    PARTNER_CREATED = "partner.created", PartnerRead, "A partner was created";
    PARTNER_UPDATED = "partner.updated", PartnerRead, "A partner was renamed";
    PARTNER_SUSPENDED = "partner.suspended", PartnerRead, "A partner was suspended";
    PARTNER_RESUMED = "partner.resumed", PartnerRead, "A suspended partner was resumed";
    PARTNER_DELETED = "partner.deleted", PartnerRead, "A partner was deleted";
    PARTNER_RESTORED = "partner.restored", PartnerRead, "A deleted partner came back";
    CLIENT_CREATED = "client.created", PartnerRead, "A client was created";
    CLIENT_UPDATED = "client.updated", PartnerRead, "A client was changed";
    CLIENT_DELETED = "client.deleted", PartnerRead, "A client was deleted with its sites";
    CLIENT_RESTORED = "client.restored", PartnerRead, "A deleted client came back";
    SITE_CREATED = "site.created", PartnerRead, "A site was created";
    SITE_UPDATED = "site.updated", PartnerRead, "A site was changed";
    SITE_DELETED = "site.deleted", PartnerRead, "A site was deleted with its subscribers";
    SITE_RESTORED = "site.restored", PartnerRead, "A deleted site came back";
    USER_CREATED = "user.created", UsersRead, "A person got access";
    USER_UPDATED = "user.updated", UsersRead, "A person's name, status or roles changed";
    ROLE_CREATED = "role.created", RolesRead, "A role was made";
    ROLE_UPDATED = "role.updated", RolesRead, "A role was changed";
    ROLE_REMOVED = "role.removed", RolesRead, "A role was removed";
    API_KEY_CREATED = "api-key.created", ApiKeysManage, "An API key was made";
    API_KEY_ROTATED = "api-key.rotated", ApiKeysManage, "An API key was made to replace another one";
    API_KEY_REVOKED = "api-key.revoked", ApiKeysManage, "An API key was revoked";
}
