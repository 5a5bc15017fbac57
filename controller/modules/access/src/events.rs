//! What can happen in the access network, as `kernel::events` tells it.
//! Never tells of packets: sessions and logins by the thousand a second have their own records (`docs/sessions.md`).

kernel::event_kinds! {
    SUBSCRIBER_CREATED = "subscriber.created", RadiusSubscribersRead, "A subscriber was created";
    SUBSCRIBER_UPDATED = "subscriber.updated", RadiusSubscribersRead, "Something of a subscriber changed that is neither his status nor his plan";
    SUBSCRIBER_SUSPENDED = "subscriber.suspended", RadiusSubscribersRead, "A subscriber was suspended";
    SUBSCRIBER_RESTORED = "subscriber.restored", RadiusSubscribersRead, "A subscriber has service again";
    SUBSCRIBER_EXPIRED = "subscriber.expired", RadiusSubscribersRead, "A subscriber's service ended by itself";
    SUBSCRIBER_QUOTA_THRESHOLD = "subscriber.quota_threshold", RadiusSubscribersRead, "A subscriber used so many per cent of his quota; once for what he is allowed in a period";
    SUBSCRIBER_QUOTA_USED_UP = "subscriber.quota_used_up", RadiusSubscribersRead, "A subscriber used up his quota, and what his plan says for that holds";
    SUBSCRIBER_QUOTA_TOPPED_UP = "subscriber.quota_topped_up", RadiusSubscribersRead, "A subscriber was given octets on top of his quota";
    SUBSCRIBER_TERMINATED = "subscriber.terminated", RadiusSubscribersRead, "A subscriber's service was ended for good";
    SUBSCRIBER_PLAN_CHANGED = "subscriber.plan_changed", RadiusSubscribersRead, "A subscriber got another plan";
    SUBSCRIBER_DELETED = "subscriber.deleted", RadiusSubscribersRead, "A subscriber was deleted";
    PLAN_CREATED = "plan.created", RadiusSubscribersRead, "A plan was made";
    PLAN_UPDATED = "plan.updated", RadiusSubscribersRead, "A plan was changed, for everybody who has it";
    PLAN_DELETED = "plan.deleted", RadiusSubscribersRead, "A plan was deleted";
    NAS_CREATED = "nas.created", RadiusNasManage, "A NAS was admitted";
    NAS_UPDATED = "nas.updated", RadiusNasManage, "A NAS was changed";
    NAS_DELETED = "nas.deleted", RadiusNasManage, "A NAS was removed";
    IMPORT_FINISHED = "import.finished", RadiusSubscribersRead, "An import is done; what it brought is told by its counts, not one by one";
}
