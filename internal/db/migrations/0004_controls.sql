-- +goose Up

-- The daily counters keep what was proven at the access, so that they can be
-- judged again under another policy. One workspace's rows stand together, and
-- in them one person's, so that its last days are read without sorting.
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
  day        BIGINT NOT NULL,
  count      BIGINT NOT NULL,
  last       BIGINT NOT NULL,
  PRIMARY KEY (workspace, user_id, credential, door, action, outcome, reason, held, day)
);
INSERT INTO access_record (workspace, user_id, credential, door, action, outcome, reason, day, count, last)
  SELECT workspace, user_id, credential, door, action, outcome, reason, day, count, last FROM access_record_before;
DROP TABLE access_record_before;
