-- Finding anyone by anything. Row-level security keeps LIKE and trigrams away from indexes (their operators may leak what they
-- compare); comparing text does not, so a search is a range over words: each name is written down from each of its word
-- beginnings, and what is typed finds those that begin so.
CREATE TABLE kernel.search_terms (
    tenant_id   uuid NOT NULL,                              -- no foreign key either: the object has one, and this is written with it
    term        text COLLATE "C" NOT NULL,                  -- in small letters; ranges want the order of octets
    kind        text NOT NULL CHECK (kind IN ('subscriber', 'client', 'site')),
    object_id   uuid NOT NULL,                              -- no foreign key: what it is depends on the kind, and a trigger of that table keeps it
    PRIMARY KEY (tenant_id, term, kind, object_id)
);
CALL kernel.isolate('kernel.search_terms');

-- A name from each of its word beginnings on: user000123@isp is found by "user", "000123" and "123", and not by its realm, which
-- all have. At most 13 of each name, and 64 letters of each. A loop, because a query in it would cost ten times as much, and an import calls this for every row.
CREATE FUNCTION kernel.search_words(name text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    parts text[];
    words text[] := '{}';
    rest text := '';
BEGIN
    IF name IS NULL OR name = '' THEN
        RETURN words;
    END IF;
    parts := string_to_array(regexp_replace(lower(left(name, 200)),
        '(?<![[:alnum:]])(?=[[:alnum:]])|(?<=[[:alpha:]])(?=[[:digit:]])|(?<=[^1-9]0)(?=[1-9])', E'\x01', 'g'), E'\x01');
    FOR n IN REVERSE cardinality(parts) .. 1 LOOP
        rest := parts[n] || rest;
        IF strpos(parts[n], '@') > 0 THEN
            words := '{}';
        END IF;
        IF n <= 13 AND parts[n] <> '' THEN
            words := array_append(words, left(rest, 64));
        END IF;
    END LOOP;
    RETURN words;
END $$;

-- Keeps an object's words: TG_ARGV is its kind and the columns that are its names.
CREATE FUNCTION kernel.note_search() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    gone text[] := '{}';
    there text[] := '{}';
BEGIN
    FOR n IN 1 .. TG_NARGS - 1 LOOP
        IF before ->> 'deleted_at' IS NULL THEN
            gone := gone || kernel.search_words(before ->> TG_ARGV[n]);
        END IF;
        IF after ->> 'deleted_at' IS NULL THEN
            there := there || kernel.search_words(after ->> TG_ARGV[n]);
        END IF;
    END LOOP;
    IF gone <> '{}' THEN
        DELETE FROM kernel.search_terms WHERE tenant_id = OLD.tenant_id AND term = ANY (gone) AND kind = TG_ARGV[0] AND object_id = OLD.id;
    END IF;
    IF there <> '{}' THEN
        INSERT INTO kernel.search_terms (tenant_id, term, kind, object_id)
        SELECT NEW.tenant_id, word, TG_ARGV[0], NEW.id FROM unnest(there) AS word ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_search AFTER INSERT OR DELETE OR UPDATE OF slug, name, deleted_at ON kernel.clients
    FOR EACH ROW EXECUTE FUNCTION kernel.note_search('client', 'slug', 'name');
CREATE TRIGGER note_search AFTER INSERT OR DELETE OR UPDATE OF slug, name, address, deleted_at ON kernel.sites
    FOR EACH ROW EXECUTE FUNCTION kernel.note_search('site', 'slug', 'name', 'address');
CREATE TRIGGER note_search AFTER INSERT OR DELETE OR UPDATE OF username, name, deleted_at ON access.subscribers
    FOR EACH ROW EXECUTE FUNCTION kernel.note_search('subscriber', 'username', 'name');

-- What is there already.
DO $$
BEGIN
    PERFORM set_config('app.scope', 'platform', true);
    INSERT INTO kernel.search_terms (tenant_id, term, kind, object_id)
    SELECT tenant_id, unnest(kernel.search_words(named)), kind, id FROM (
        SELECT tenant_id, 'client' AS kind, id, unnest(ARRAY[slug, name]) AS named FROM kernel.clients WHERE deleted_at IS NULL
        UNION ALL
        SELECT tenant_id, 'site', id, unnest(ARRAY[slug, name, address]) FROM kernel.sites WHERE deleted_at IS NULL
        UNION ALL
        SELECT tenant_id, 'subscriber', id, unnest(ARRAY[username, name]) FROM access.subscribers WHERE deleted_at IS NULL
    ) AS names ON CONFLICT DO NOTHING;
    PERFORM set_config('app.scope', '', true);
END $$;
