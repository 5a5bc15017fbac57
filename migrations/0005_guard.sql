-- What a NAS is held to beside its signature, and what it has shown: unsigned requests and Proxy-State (CVE-2024-3596), a
-- secret that is being replaced, requests a second.

ALTER TABLE access.nas
    ADD COLUMN limit_proxy_state text NOT NULL DEFAULT 'auto'       -- may an unsigned Access-Request carry Proxy-State?
        CHECK (limit_proxy_state IN ('no', 'yes', 'auto')),
    ADD COLUMN proxy_state_shown text                               -- what auto learned of its first Access-Request
        CHECK (proxy_state_shown IN ('limited', 'needed')),
    ADD COLUMN unsigned_first_at timestamptz,                       -- its first Access-Request without Message-Authenticator
    ADD COLUMN unsigned_last_at timestamptz,                        -- its last one
    ADD COLUMN unsigned_count bigint NOT NULL DEFAULT 0,            -- how many; written down every half a minute
    ADD COLUMN unsigned_proxied_count bigint NOT NULL DEFAULT 0,    -- those of them with Proxy-State
    ADD COLUMN older_secret text,                                   -- sealed like secret: what secret was before
    ADD COLUMN older_secret_until timestamptz,                      -- from then on it is good no longer
    ADD COLUMN older_secret_last_at timestamptz,                    -- the last request that was made with it
    ADD COLUMN request_rate integer CHECK (request_rate BETWEEN 1 AND 1000000),    -- Access-Requests a second; NULL: any
    ADD COLUMN request_burst integer CHECK (request_burst BETWEEN 1 AND 1000000),  -- at once; NULL: those of a second
    ADD CONSTRAINT nas_older_secret CHECK ((older_secret IS NULL) = (older_secret_until IS NULL));

-- Who needed no signature needs none now: nobody is cut off by an upgrade. (A NAS set to auto that never signed could not
-- send Proxy-State at all until now.)
DO $$
BEGIN
    PERFORM set_config('app.scope', 'platform', true);
    UPDATE access.nas SET limit_proxy_state = 'no' WHERE require_message_authenticator = 'no';
    PERFORM set_config('app.scope', '', true);
END $$;

DROP TRIGGER note_change ON access.nas;
CREATE TRIGGER note_change AFTER INSERT OR DELETE OR UPDATE OF address, shortname, type, secret, coa_secret, coa_port,
        require_message_authenticator, limit_proxy_state, older_secret, older_secret_until, request_rate, request_burst
    ON access.nas FOR EACH ROW EXECUTE FUNCTION access.note_change('nas', 'id', 'tenant_id');
