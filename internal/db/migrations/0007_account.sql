-- +goose Up

-- Account in full: rules of the whole site, two pairs of eyes, lost factors.

-- One row. Lengths are microseconds; sign_up is empty where the flag decides.
CREATE TABLE site_policy (
  id           BIGINT PRIMARY KEY,
  mfa          TEXT NOT NULL,
  domains      TEXT NOT NULL,
  mfa_from     BIGINT NOT NULL,
  idle         BIGINT NOT NULL,
  overall      BIGINT NOT NULL,
  sign_up      TEXT NOT NULL,
  remember     BOOLEAN NOT NULL,
  remember_for BIGINT NOT NULL
);
INSERT INTO site_policy (id, mfa, domains, mfa_from, idle, overall, sign_up, remember, remember_for)
VALUES (1, 'optional', '', 0, 604800000000, 2592000000000, '', FALSE, 2592000000000);

-- What one administrator asked to be done to another, and a second one decides.
CREATE TABLE approval (
  id       TEXT PRIMARY KEY,
  act      TEXT NOT NULL,
  person   TEXT NOT NULL REFERENCES person (id),
  asked_by TEXT NOT NULL,
  asked    BIGINT NOT NULL,
  expires  BIGINT NOT NULL,
  decided  BIGINT NOT NULL DEFAULT 0
);

-- A person who lost their factors waits for their reset.
CREATE TABLE factor_reset (
  id      TEXT PRIMARY KEY,
  realm   TEXT NOT NULL,
  holder  TEXT NOT NULL,
  stage   TEXT NOT NULL,
  begun   BIGINT NOT NULL,
  due     BIGINT NOT NULL,
  cancel  TEXT NOT NULL DEFAULT '',
  link    TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX factor_reset_holder ON factor_reset (realm, holder);
CREATE INDEX factor_reset_due ON factor_reset (realm, due);

-- Wrong passwords in a row from browsers that the person isn't known by.
ALTER TABLE person_password ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;

CREATE INDEX audit_actor ON audit (realm, actor, seq);
CREATE INDEX audit_target ON audit (realm, target, seq);
CREATE INDEX person_link_person ON person_link (person);

-- When a piece of work of the program's own is due next; see package job.
CREATE TABLE job (
  name TEXT PRIMARY KEY,
  due  BIGINT NOT NULL
);
