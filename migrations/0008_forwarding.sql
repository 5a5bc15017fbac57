-- Which accounting records go on to whom, once they are on our own disk. Both are of the realms and home servers that a change of the
-- partner is noted for (0006), so nothing else is to be told.

ALTER TABLE access.home_servers
    -- It gets a copy of every accounting record of the partner: a shaper, an analysis. No default for those that are there: nobody
    -- asked for copies yet.
    ADD COLUMN copy_accounting boolean NOT NULL DEFAULT false,
    -- A copy needs a place to go.
    ADD CONSTRAINT home_servers_copy_accounting CHECK (NOT copy_accounting OR accounting_port IS NOT NULL);

ALTER TABLE access.realms
    -- Accounting of users that the realm's home servers decided about goes to those of them that have an accounting port. True for
    -- those that are there, too: whoever gave a home server such a port wants it there, and until now nothing came.
    ADD COLUMN accounting boolean NOT NULL DEFAULT true;
