-- Services that end by themselves are told of, once each, also over restarts and with several nodes.

-- The end of service that was told of; another end is told of again. Only ends of the last day are looked for.
ALTER TABLE access.subscribers ADD COLUMN expiry_told timestamptz;
CREATE INDEX subscribers_expires ON access.subscribers (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
