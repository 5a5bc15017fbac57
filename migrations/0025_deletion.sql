-- What is deleted takes what hangs under it along, and brings it back.

-- What a row was deleted with: the client or the site above it. NULL: by itself, and it stays deleted when that one comes back.
ALTER TABLE kernel.sites ADD COLUMN deleted_with uuid;
ALTER TABLE access.subscribers ADD COLUMN deleted_with uuid;
CREATE INDEX IF NOT EXISTS subscribers_site ON access.subscribers (tenant_id, site_id);  -- the foreign key's side; 0015 has it, too

-- A site that goes takes its subscribers along, in the same transaction, so that the access plane turns them away at once; their
-- credentials, marks and leases stay for the day they come back. One whose plan is gone meanwhile has nothing to come back
-- to and stays deleted; one whose user name was given to somebody else stops the whole, because people must decide that.
CREATE FUNCTION access.follow_site() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    taken text;
BEGIN
    IF NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL THEN
        UPDATE access.subscribers SET deleted_at = NEW.deleted_at, deleted_with = NEW.id
            WHERE tenant_id = NEW.tenant_id AND site_id = NEW.id AND deleted_at IS NULL;
    ELSIF NEW.deleted_at IS NULL AND OLD.deleted_at IS NOT NULL THEN
        SELECT gone.username INTO taken FROM access.subscribers gone JOIN access.subscribers now_his
                ON now_his.tenant_id = gone.tenant_id AND now_his.username = gone.username AND now_his.deleted_at IS NULL
            WHERE gone.tenant_id = NEW.tenant_id AND gone.site_id = NEW.id AND gone.deleted_with = NEW.id
            LIMIT 1;
        IF taken IS NOT NULL THEN
            RAISE EXCEPTION 'the user name % was given to another subscriber meanwhile', taken
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'site_restore_taken';
        END IF;
        UPDATE access.subscribers SET deleted_at = NULL, deleted_with = NULL
            WHERE tenant_id = NEW.tenant_id AND site_id = NEW.id AND deleted_with = NEW.id AND plan_id IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER follow_site AFTER UPDATE OF deleted_at ON kernel.sites
    FOR EACH ROW EXECUTE FUNCTION access.follow_site();
