-- +goose Up

-- Account: what an app may do, and how it is told of what happens.
ALTER TABLE app ADD COLUMN logout_redirects TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN logout_address TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN events_address TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN launch_address TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN scopes TEXT NOT NULL DEFAULT 'openid profile email';
ALTER TABLE app ADD COLUMN grants TEXT NOT NULL DEFAULT 'authorization_code';
ALTER TABLE app ADD COLUMN acr TEXT NOT NULL DEFAULT '';
ALTER TABLE app ADD COLUMN third_party BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE app ADD COLUMN offers TEXT NOT NULL DEFAULT '';

ALTER TABLE auth_request ADD COLUMN app_grant TEXT NOT NULL DEFAULT '';

ALTER TABLE signing_key ADD COLUMN signs_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signing_key ADD COLUMN ends BIGINT NOT NULL DEFAULT 0;

-- Access tokens lived ten minutes, and no others were given out.
DROP TABLE access_token;

-- Who has used which app, what they said yes to, and when it was last used.
CREATE TABLE app_person (
  app     TEXT NOT NULL REFERENCES app (id),
  person  TEXT NOT NULL,
  scopes  TEXT NOT NULL,
  created BIGINT NOT NULL,
  used    BIGINT NOT NULL,
  PRIMARY KEY (person, app)
);
CREATE INDEX app_person_app ON app_person (app);

-- A grant is what one sign-in gave an app: the root of a chain of tokens.
CREATE TABLE app_grant (
  id        TEXT PRIMARY KEY,
  app       TEXT NOT NULL REFERENCES app (id),
  person    TEXT NOT NULL,
  session   TEXT NOT NULL,
  scopes    TEXT NOT NULL,
  auth_time BIGINT NOT NULL,
  acr       TEXT NOT NULL,
  amr       TEXT NOT NULL,
  created   BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  ended     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX app_grant_person ON app_grant (person, app);
CREATE INDEX app_grant_session ON app_grant (session);
CREATE INDEX app_grant_expires ON app_grant (expires);

-- An access token of a grant, or, where app_grant is empty, of an app's own.
CREATE TABLE app_token (
  hash      TEXT PRIMARY KEY,
  app       TEXT NOT NULL REFERENCES app (id),
  app_grant TEXT NOT NULL,
  scopes    TEXT NOT NULL,
  created   BIGINT NOT NULL,
  expires   BIGINT NOT NULL
);
CREATE INDEX app_token_grant ON app_token (app_grant);
CREATE INDEX app_token_expires ON app_token (expires);

-- A refresh token. One that was used stays: a second use must be noticed.
CREATE TABLE app_refresh (
  hash      TEXT PRIMARY KEY,
  app_grant TEXT NOT NULL REFERENCES app_grant (id),
  created   BIGINT NOT NULL,
  used      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX app_refresh_grant ON app_refresh (app_grant);

-- A device that waits for a person's answer (RFC 8628).
CREATE TABLE app_device (
  hash       TEXT PRIMARY KEY,
  user_code  TEXT NOT NULL UNIQUE,
  app        TEXT NOT NULL REFERENCES app (id),
  scopes     TEXT NOT NULL,
  address    TEXT NOT NULL,
  agent      TEXT NOT NULL,
  created    BIGINT NOT NULL,
  expires    BIGINT NOT NULL,
  poll_every BIGINT NOT NULL,
  polled     BIGINT NOT NULL DEFAULT 0,
  answer     TEXT NOT NULL DEFAULT '',
  person     TEXT NOT NULL DEFAULT '',
  session    TEXT NOT NULL DEFAULT '',
  auth_time  BIGINT NOT NULL DEFAULT 0,
  acr        TEXT NOT NULL DEFAULT '',
  amr        TEXT NOT NULL DEFAULT '',
  app_grant  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX app_device_expires ON app_device (expires);

-- What an app still has to be told: a sign-out, or that an account was shut.
CREATE TABLE app_event (
  id       TEXT PRIMARY KEY,
  app      TEXT NOT NULL REFERENCES app (id),
  kind     TEXT NOT NULL,
  person   TEXT NOT NULL,
  session  TEXT NOT NULL,
  created  BIGINT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  due      BIGINT NOT NULL
);
CREATE INDEX app_event_due ON app_event (due);

-- Code: which session at the issuer a session came from, what the issuer has
-- told, and when it last said that an account was shut or opened.
ALTER TABLE code_session ADD COLUMN account_session TEXT NOT NULL DEFAULT '';
CREATE INDEX code_session_account ON code_session (account_session);
ALTER TABLE code_user ADD COLUMN account_event BIGINT NOT NULL DEFAULT 0;

CREATE TABLE code_event (
  issuer  TEXT NOT NULL,
  id      TEXT NOT NULL,
  expires BIGINT NOT NULL,
  PRIMARY KEY (issuer, id)
);
