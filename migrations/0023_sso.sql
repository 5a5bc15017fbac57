-- Single sign-on (OpenID Connect): a partner's own provider says who somebody is; the partner says what its groups may do.
CREATE TABLE kernel.sso_providers (
    tenant_id      uuid PRIMARY KEY REFERENCES kernel.tenants (id),
    issuer         text NOT NULL CHECK (char_length(issuer) BETWEEN 1 AND 2048),  -- compared octet by octet with what tokens say
    client_id      text NOT NULL CHECK (char_length(client_id) BETWEEN 1 AND 255),  -- who we are to the provider
    client_secret  text,                                    -- sealed; NULL: we are a public client, proven by PKCE alone
    groups_claim   text NOT NULL DEFAULT 'groups' CHECK (char_length(groups_claim) BETWEEN 1 AND 100),
    enabled        boolean NOT NULL DEFAULT true,           -- false: nobody comes in by it, and its settings stay
    updated_at     timestamptz NOT NULL DEFAULT now(),
    updated_by     uuid
);

-- What a group of the provider may do here. A group that is not listed may nothing, and who is in no listed group stays out.
CREATE TABLE kernel.sso_groups (
    tenant_id      uuid NOT NULL REFERENCES kernel.sso_providers (tenant_id) ON DELETE CASCADE,
    group_name     text NOT NULL CHECK (char_length(group_name) BETWEEN 1 AND 255),
    role_id        uuid NOT NULL REFERENCES kernel.roles (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant_id, group_name, role_id)
);

-- Who came in by it. The provider's name for somebody, never his address: addresses are given to others.
CREATE TABLE kernel.sso_people (
    tenant_id      uuid NOT NULL REFERENCES kernel.tenants (id),
    issuer         text NOT NULL,                           -- a partner that changes its provider starts with nobody
    subject        text NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 255),
    user_id        uuid NOT NULL UNIQUE REFERENCES kernel.users (id),
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, issuer, subject)
);

-- A session that a partner's provider vouched for counts within that partner and nowhere else. NULL: wherever its person may.
ALTER TABLE kernel.login_sessions ADD COLUMN only_partner uuid REFERENCES kernel.tenants (id);

CALL kernel.isolate('kernel.sso_providers');
CALL kernel.isolate('kernel.sso_groups');
CALL kernel.isolate('kernel.sso_people');
