-- +goose Up

-- Several authenticator apps, and security keys and passkeys beside them.

DROP INDEX factor_one_totp;
ALTER TABLE factor ADD COLUMN credential TEXT NOT NULL DEFAULT '';
ALTER TABLE factor ADD COLUMN synced BOOLEAN NOT NULL DEFAULT FALSE;
CREATE UNIQUE INDEX factor_credential ON factor (realm, credential) WHERE credential <> '';

-- What a security key is asked to sign. A row is taken out to be used, so once.
CREATE TABLE factor_challenge (
  id      TEXT PRIMARY KEY,
  realm   TEXT NOT NULL,
  purpose TEXT NOT NULL,
  holder  TEXT NOT NULL,
  bound   TEXT NOT NULL,
  data    BYTEA NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX factor_challenge_expires ON factor_challenge (expires);

-- What a session has proven, each with its time.
ALTER TABLE account_session ADD COLUMN evidence TEXT NOT NULL DEFAULT '';

-- A sign-in that waits for its second step.
CREATE TABLE account_flow (
  hash     TEXT PRIMARY KEY,
  person   TEXT NOT NULL REFERENCES person (id),
  session  TEXT NOT NULL,
  evidence TEXT NOT NULL,
  expires  BIGINT NOT NULL
);
CREATE INDEX account_flow_person ON account_flow (person);

-- A browser on which a person isn't asked for the second step for a while.
CREATE TABLE account_browser (
  id      TEXT PRIMARY KEY,
  hash    TEXT NOT NULL,
  person  TEXT NOT NULL REFERENCES person (id),
  address TEXT NOT NULL,
  agent   TEXT NOT NULL,
  created BIGINT NOT NULL,
  seen    BIGINT NOT NULL,
  UNIQUE (hash, person)
);
CREATE INDEX account_browser_person ON account_browser (person);
