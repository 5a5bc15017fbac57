-- People: keys that prove them without a password.

-- Passkeys (WebAuthn). A private key in a person's device signs a challenge; we keep the public one.
CREATE TABLE kernel.passkeys (
    id             uuid PRIMARY KEY,
    user_id        uuid NOT NULL REFERENCES kernel.users (id),
    credential_id  bytea NOT NULL UNIQUE                    -- how the device calls the key; one key belongs to one person
                   CHECK (octet_length(credential_id) BETWEEN 16 AND 1023),
    public_key     bytea NOT NULL,                          -- COSE_Key, as the device gave it
    name           text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),  -- "telephone"; so that a lost one is found in the list
    sign_count     bigint NOT NULL DEFAULT 0                -- of the last signature; one that goes back means a copy. 0: the device does not count
                   CHECK (sign_count BETWEEN 0 AND 4294967295),
    backed_up      boolean NOT NULL,                        -- copied by its maker's cloud to other devices; people should know
    created_at     timestamptz NOT NULL DEFAULT now(),
    last_used_at   timestamptz
);
CREATE INDEX passkeys_user ON kernel.passkeys (user_id);

-- Challenges that have been answered. A challenge is sealed and carries its own end, so that asking for one, which anybody may,
-- writes nothing; only a right answer does, and the second use of one is refused here, on whichever node it arrives.
CREATE TABLE kernel.challenges_spent (
    challenge_sha256  bytea PRIMARY KEY,
    expires_at        timestamptz NOT NULL                  -- after this it is refused for its age, and the row is of no use
);
