-- The words of a search are written for all rows of a statement at once: an import adds thousands, and a statement of its own for each
-- cost more than all else that an insert of a subscriber does.
CREATE FUNCTION kernel.note_search_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kernel.search_terms (tenant_id, term, kind, object_id)
    SELECT added.tenant_id, word, TG_ARGV[0], added.id
      FROM added, unnest(TG_ARGV[1:]) AS col, unnest(kernel.search_words(to_jsonb(added) ->> col)) AS word
     WHERE added.deleted_at IS NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
DROP TRIGGER note_search ON kernel.clients;
CREATE TRIGGER note_search_added AFTER INSERT ON kernel.clients REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION kernel.note_search_added('client', 'slug', 'name');
CREATE TRIGGER note_search AFTER DELETE OR UPDATE OF slug, name, deleted_at ON kernel.clients
    FOR EACH ROW EXECUTE FUNCTION kernel.note_search('client', 'slug', 'name');
DROP TRIGGER note_search ON kernel.sites;
CREATE TRIGGER note_search_added AFTER INSERT ON kernel.sites REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION kernel.note_search_added('site', 'slug', 'name', 'address');
CREATE TRIGGER note_search AFTER DELETE OR UPDATE OF slug, name, address, deleted_at ON kernel.sites
    FOR EACH ROW EXECUTE FUNCTION kernel.note_search('site', 'slug', 'name', 'address');
DROP TRIGGER note_search ON access.subscribers;
CREATE TRIGGER note_search_added AFTER INSERT ON access.subscribers REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION kernel.note_search_added('subscriber', 'username', 'name');
CREATE TRIGGER note_search AFTER DELETE OR UPDATE OF username, name, deleted_at ON access.subscribers
    FOR EACH ROW EXECUTE FUNCTION kernel.note_search('subscriber', 'username', 'name');
