-- +goose Up

-- Ground: counters, mails, the audit log, second steps of both realms.

CREATE TABLE throttle (
  key       TEXT PRIMARY KEY,
  failures  BIGINT NOT NULL,
  retry_at  BIGINT NOT NULL,
  last      BIGINT NOT NULL
);

CREATE TABLE outbox (
  id        TEXT PRIMARY KEY,
  recipient TEXT NOT NULL,
  subject   TEXT NOT NULL,
  body      BYTEA NOT NULL,
  created   BIGINT NOT NULL,
  attempts  BIGINT NOT NULL DEFAULT 0,
  due       BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (due);

CREATE TABLE audit (
  seq        BIGINT PRIMARY KEY,
  at         BIGINT NOT NULL,
  realm      TEXT NOT NULL,
  workspace  TEXT NOT NULL,
  actor      TEXT NOT NULL,
  credential TEXT NOT NULL,
  address    TEXT NOT NULL,
  action     TEXT NOT NULL,
  target     TEXT NOT NULL,
  detail     TEXT NOT NULL,
  previous   TEXT NOT NULL,
  hash       TEXT NOT NULL
);
CREATE INDEX audit_workspace ON audit (workspace, seq);

-- One row: the end of the chain. Its lock puts the writers in a row.
CREATE TABLE audit_head (
  id   BIGINT PRIMARY KEY,
  seq  BIGINT NOT NULL,
  hash TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

CREATE TABLE factor (
  id        TEXT PRIMARY KEY,
  realm     TEXT NOT NULL,
  holder    TEXT NOT NULL,
  kind      TEXT NOT NULL,
  label     TEXT NOT NULL,
  secret    BYTEA NOT NULL,
  created   BIGINT NOT NULL,
  confirmed BIGINT NOT NULL DEFAULT 0,
  last_step BIGINT NOT NULL DEFAULT 0,
  last_used BIGINT NOT NULL DEFAULT 0,
  failures  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX factor_holder ON factor (realm, holder);
-- One authenticator app each, for now: of two set-ups finished at once, one is let in.
CREATE UNIQUE INDEX factor_one_totp ON factor (realm, holder) WHERE kind = 'totp' AND confirmed > 0;

CREATE TABLE recovery_code (
  realm  TEXT NOT NULL,
  holder TEXT NOT NULL,
  hash   TEXT NOT NULL,
  used   BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (realm, holder, hash)
);

-- Account.

CREATE TABLE person (
  id            TEXT PRIMARY KEY,
  name          TEXT NOT NULL,
  administrator BOOLEAN NOT NULL,
  suspended     BOOLEAN NOT NULL,
  created       BIGINT NOT NULL
);

CREATE TABLE person_email (
  address   TEXT PRIMARY KEY,
  person    TEXT NOT NULL REFERENCES person (id),
  main      BOOLEAN NOT NULL,
  confirmed BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX person_email_person ON person_email (person);

CREATE TABLE person_password (
  person  TEXT PRIMARY KEY REFERENCES person (id),
  hash    TEXT NOT NULL,
  changed BIGINT NOT NULL
);

-- A one-time link that was mailed or printed, and what it will make.
CREATE TABLE person_link (
  hash     TEXT PRIMARY KEY,
  kind     TEXT NOT NULL,
  person   TEXT NOT NULL DEFAULT '',
  address  TEXT NOT NULL DEFAULT '',
  name     TEXT NOT NULL DEFAULT '',
  password TEXT NOT NULL DEFAULT '',
  flow     TEXT NOT NULL DEFAULT '',
  expires  BIGINT NOT NULL,
  used     BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE account_session (
  id        TEXT PRIMARY KEY,
  hash      TEXT NOT NULL UNIQUE,
  person    TEXT NOT NULL REFERENCES person (id),
  auth_time BIGINT NOT NULL,
  acr       TEXT NOT NULL,
  amr       TEXT NOT NULL,
  address   TEXT NOT NULL,
  agent     TEXT NOT NULL,
  created   BIGINT NOT NULL,
  seen      BIGINT NOT NULL
);
CREATE INDEX account_session_person ON account_session (person);

CREATE TABLE app (
  id           TEXT PRIMARY KEY,
  name         TEXT NOT NULL,
  secret       BYTEA NOT NULL,
  redirects    TEXT NOT NULL,
  public       BOOLEAN NOT NULL,
  may_invite   BOOLEAN NOT NULL,
  created      BIGINT NOT NULL
);

CREATE TABLE auth_request (
  id        TEXT PRIMARY KEY,
  app       TEXT NOT NULL REFERENCES app (id),
  request   TEXT NOT NULL,
  invited   TEXT NOT NULL,
  agreed    TEXT NOT NULL DEFAULT '',
  person    TEXT NOT NULL DEFAULT '',
  session   TEXT NOT NULL DEFAULT '',
  auth_time BIGINT NOT NULL DEFAULT 0,
  acr       TEXT NOT NULL DEFAULT '',
  amr       TEXT NOT NULL DEFAULT '',
  code      TEXT NOT NULL DEFAULT '',
  code_made BIGINT NOT NULL DEFAULT 0,
  code_used BIGINT NOT NULL DEFAULT 0,
  created   BIGINT NOT NULL
);
CREATE INDEX auth_request_code ON auth_request (code);

CREATE TABLE access_token (
  id       TEXT PRIMARY KEY,
  request  TEXT NOT NULL,
  app      TEXT NOT NULL,
  person   TEXT NOT NULL,
  session  TEXT NOT NULL,
  scopes   TEXT NOT NULL,
  created  BIGINT NOT NULL,
  expires  BIGINT NOT NULL,
  revoked  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX access_token_request ON access_token (request);

CREATE TABLE signing_key (
  id      TEXT PRIMARY KEY,
  sealed  BYTEA NOT NULL,
  created BIGINT NOT NULL
);

-- Code.

CREATE TABLE code_user (
  id            TEXT PRIMARY KEY,
  issuer        TEXT NOT NULL,
  subject       TEXT NOT NULL,
  username      TEXT NOT NULL UNIQUE,
  name          TEXT NOT NULL,
  email         TEXT NOT NULL,
  email_proven  BOOLEAN NOT NULL DEFAULT FALSE,
  account_opens BOOLEAN NOT NULL,
  suspended     BOOLEAN NOT NULL DEFAULT FALSE,
  created       BIGINT NOT NULL,
  UNIQUE (issuer, subject)
);
CREATE INDEX code_user_email ON code_user (email);

CREATE TABLE code_session (
  id           TEXT PRIMARY KEY,
  hash         TEXT NOT NULL UNIQUE,
  user_id      TEXT NOT NULL REFERENCES code_user (id),
  step_method  TEXT NOT NULL DEFAULT '',
  step_at      BIGINT NOT NULL DEFAULT 0,
  account_acr  TEXT NOT NULL,
  account_amr  TEXT NOT NULL,
  account_time BIGINT NOT NULL,
  address      TEXT NOT NULL,
  agent        TEXT NOT NULL,
  created      BIGINT NOT NULL,
  seen         BIGINT NOT NULL
);
CREATE INDEX code_session_user ON code_session (user_id);

CREATE TABLE kept_form (
  id      TEXT PRIMARY KEY,
  session TEXT NOT NULL,
  path    TEXT NOT NULL,
  fields  BYTEA NOT NULL,
  expires BIGINT NOT NULL
);

CREATE TABLE api_token (
  id        TEXT PRIMARY KEY,
  hash      TEXT NOT NULL UNIQUE,
  user_id   TEXT NOT NULL REFERENCES code_user (id),
  name      TEXT NOT NULL,
  scopes    TEXT NOT NULL,
  created   BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  last_used BIGINT NOT NULL DEFAULT 0,
  last_from TEXT NOT NULL DEFAULT ''
);
CREATE INDEX api_token_user ON api_token (user_id);

CREATE TABLE workspace (
  id                 TEXT PRIMARY KEY,
  slug               TEXT NOT NULL UNIQUE,
  name               TEXT NOT NULL,
  plan               TEXT NOT NULL,
  created            BIGINT NOT NULL,
  require_two_step   BOOLEAN NOT NULL DEFAULT FALSE,
  require_from       BIGINT NOT NULL DEFAULT 0,
  accept_account     BOOLEAN NOT NULL DEFAULT FALSE,
  phishing_resistant BOOLEAN NOT NULL DEFAULT FALSE,
  ask_again          BIGINT NOT NULL DEFAULT 2592000000000,
  ask_over_ssh       BOOLEAN NOT NULL DEFAULT FALSE,
  refuse_machines    BOOLEAN NOT NULL DEFAULT FALSE,
  networks           TEXT NOT NULL DEFAULT '',
  no_public          BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE TABLE member (
  workspace TEXT NOT NULL REFERENCES workspace (id),
  user_id   TEXT NOT NULL REFERENCES code_user (id),
  role      TEXT NOT NULL,
  created   BIGINT NOT NULL,
  PRIMARY KEY (workspace, user_id)
);
CREATE INDEX member_user ON member (user_id);

CREATE TABLE invitation (
  id        TEXT PRIMARY KEY,
  hash      TEXT NOT NULL UNIQUE,
  workspace TEXT NOT NULL REFERENCES workspace (id),
  email     TEXT NOT NULL,
  role      TEXT NOT NULL,
  inviter   TEXT NOT NULL REFERENCES code_user (id),
  created   BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  accepted  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX invitation_workspace ON invitation (workspace);

CREATE TABLE repository (
  id             TEXT PRIMARY KEY,
  workspace      TEXT NOT NULL REFERENCES workspace (id),
  slug           TEXT NOT NULL,
  name           TEXT NOT NULL,
  description    TEXT NOT NULL,
  public         BOOLEAN NOT NULL,
  created        BIGINT NOT NULL,
  updated        BIGINT NOT NULL,
  UNIQUE (workspace, slug)
);

-- Daily counters of what the gate decided.
CREATE TABLE access_record (
  day        BIGINT NOT NULL,
  workspace  TEXT NOT NULL,
  user_id    TEXT NOT NULL,
  credential TEXT NOT NULL,
  door       TEXT NOT NULL,
  action     TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  count      BIGINT NOT NULL,
  last       BIGINT NOT NULL,
  PRIMARY KEY (day, workspace, user_id, credential, door, action, outcome, reason)
);
