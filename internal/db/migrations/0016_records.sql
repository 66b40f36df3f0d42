-- +goose Up

-- The daily counters of accesses that were let through keep the address that
-- each came from, so that allowed networks are judged access by access; those of
-- challenges and refusals, how much of them stands in the audit log.
ALTER TABLE access_record RENAME TO access_record_before;
CREATE TABLE access_record (
  workspace  TEXT NOT NULL,
  user_id    TEXT NOT NULL,
  credential TEXT NOT NULL,
  door       TEXT NOT NULL,
  action     TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  held       TEXT NOT NULL DEFAULT '',
  address    TEXT NOT NULL DEFAULT '',
  day        BIGINT NOT NULL,
  count      BIGINT NOT NULL,
  last       BIGINT NOT NULL,
  told       BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT access_record_key PRIMARY KEY (workspace, user_id, credential, door, action, outcome, reason, held, address, day)
);
INSERT INTO access_record (workspace, user_id, credential, door, action, outcome, reason, held, day, count, last)
  SELECT workspace, user_id, credential, door, action, outcome, reason, held, day, count, last FROM access_record_before;
DROP TABLE access_record_before;
CREATE INDEX access_record_day ON access_record (day);
CREATE INDEX access_record_untold ON access_record (day) WHERE told < count AND outcome <> 'allow';
