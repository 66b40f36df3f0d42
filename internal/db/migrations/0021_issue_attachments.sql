-- +goose Up

-- A file of an issue. Without an issue it came with a form that isn't taken
-- yet, and is its author's alone; below 0 in size, not all of it has come.
CREATE TABLE issue_attachment (
  id          TEXT PRIMARY KEY,
  repository  TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  issue       TEXT REFERENCES issue (id) ON DELETE CASCADE,
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  size        BIGINT NOT NULL,
  author      TEXT REFERENCES code_user (id),
  author_name TEXT NOT NULL,
  created     BIGINT NOT NULL,
  UNIQUE (issue, name)
);
CREATE INDEX issue_attachment_repository ON issue_attachment (repository);
CREATE INDEX issue_attachment_author ON issue_attachment (author);

-- Its bytes, in pieces that are read one by one (decision 0042).
CREATE TABLE issue_attachment_part (
  attachment TEXT NOT NULL REFERENCES issue_attachment (id) ON DELETE CASCADE,
  number     BIGINT NOT NULL,
  data       BYTEA NOT NULL,
  PRIMARY KEY (attachment, number)
);
