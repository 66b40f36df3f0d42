-- +goose Up

-- A public key belongs to a user, or is the deploy key of one repository.
-- step_* is the second step that was given to a user's key, and the address
-- that it holds from.
CREATE TABLE ssh_key (
  id          TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  kind        TEXT NOT NULL,
  public_key  TEXT NOT NULL,
  label       TEXT NOT NULL,
  user_id     TEXT REFERENCES code_user (id),
  repository  TEXT REFERENCES repository (id) ON DELETE CASCADE,
  writable    BOOLEAN NOT NULL,
  created     BIGINT NOT NULL,
  expires     BIGINT NOT NULL,
  last_used   BIGINT NOT NULL DEFAULT 0,
  last_from   TEXT NOT NULL DEFAULT '',
  step_method TEXT NOT NULL DEFAULT '',
  step_at     BIGINT NOT NULL DEFAULT 0,
  step_from   TEXT NOT NULL DEFAULT '',
  CHECK ((user_id IS NULL) <> (repository IS NULL))
);
CREATE INDEX ssh_key_user ON ssh_key (user_id);
CREATE INDEX ssh_key_repository ON ssh_key (repository);
