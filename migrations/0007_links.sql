-- RADIUS over TLS: towards home servers, and what the certificate of a NAS must be for when somebody else issued it.

ALTER TABLE access.home_servers
    ADD COLUMN transport text NOT NULL DEFAULT 'udp' CHECK (transport IN ('udp', 'tls')),  -- how it is reached
    ADD COLUMN tls_name text,           -- what its certificate must be for: a DNS name or an address
    ADD COLUMN tls_ca text,             -- whose word is taken for that, PEM; NULL: our own authority's
    ADD COLUMN tls_certificate text,    -- what we show, with its chain, PEM; NULL: a certificate of our own authority
    ADD COLUMN tls_key text,            -- its key, PEM, sealed (kernel::secrets); never the clear text
    ALTER COLUMN secret DROP NOT NULL,  -- over TLS it is the word that RFC 6614 section 2.3 gives everybody
    ADD CONSTRAINT home_servers_secret CHECK (transport = 'tls' OR secret IS NOT NULL),
    ADD CONSTRAINT home_servers_tls_name CHECK ((transport = 'tls') = (tls_name IS NOT NULL)),
    ADD CONSTRAINT home_servers_tls CHECK (transport = 'tls' OR num_nonnulls(tls_ca, tls_certificate, tls_key) = 0),
    ADD CONSTRAINT home_servers_tls_key CHECK ((tls_certificate IS NULL) = (tls_key IS NULL));

ALTER TABLE access.nas
    ADD COLUMN tls_name text;           -- dns:, ip:, uri: or cn: and a name its certificate must carry; NULL: any

-- Beside the trigger that stands, which names its columns.
CREATE TRIGGER note_tls_change AFTER UPDATE OF tls_name ON access.nas
    FOR EACH ROW EXECUTE FUNCTION access.note_change('nas', 'id', 'tenant_id');
