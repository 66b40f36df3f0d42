-- +goose Up

-- Tokens of every kind in one table: a person's, a workspace's, a repository's.
-- Whoever deletes what a token belongs to ends the token with it.
CREATE TABLE token (
  id         TEXT PRIMARY KEY,
  hash       TEXT NOT NULL UNIQUE,
  kind       TEXT NOT NULL,
  holder     TEXT NOT NULL,
  user_id    TEXT REFERENCES code_user (id) ON DELETE CASCADE,
  workspace  TEXT REFERENCES workspace (id) ON DELETE CASCADE,
  repository TEXT REFERENCES repository (id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  scopes     TEXT NOT NULL,
  made_by    TEXT NOT NULL,
  created    BIGINT NOT NULL,
  issued     BIGINT NOT NULL,
  expires    BIGINT NOT NULL,
  last_used  BIGINT NOT NULL DEFAULT 0,
  last_from  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX token_holder ON token (holder, kind);
CREATE INDEX token_user ON token (user_id);
CREATE INDEX token_workspace ON token (workspace);
CREATE INDEX token_repository ON token (repository);

INSERT INTO token (id, hash, kind, holder, user_id, name, scopes, made_by, created, issued, expires, last_used, last_from)
  SELECT id, hash, 'api_token', user_id, user_id, name, scopes, user_id, created, created, expires, last_used, last_from FROM api_token;
DROP TABLE api_token;

-- What the gate said to each person lately, for them to read; counted by day.
CREATE TABLE decision (
  user_id       TEXT NOT NULL,
  day           BIGINT NOT NULL,
  door          TEXT NOT NULL,
  credential    TEXT NOT NULL,
  credential_id TEXT NOT NULL,
  action        TEXT NOT NULL,
  workspace     TEXT NOT NULL,
  repository    TEXT NOT NULL,
  snippet       TEXT NOT NULL,
  outcome       TEXT NOT NULL,
  reason        TEXT NOT NULL,
  count         BIGINT NOT NULL,
  last          BIGINT NOT NULL,
  totp          BOOLEAN NOT NULL,
  webauthn      BOOLEAN NOT NULL,
  step_method   TEXT NOT NULL,
  step_at       BIGINT NOT NULL,
  account_acr   TEXT NOT NULL,
  account_time  BIGINT NOT NULL,
  PRIMARY KEY (user_id, day, door, credential, credential_id, action, workspace, repository, snippet, outcome, reason)
);
CREATE INDEX decision_last ON decision (user_id, last);
