-- +goose Up

-- An archived repository can be read only.
ALTER TABLE repository ADD COLUMN archived BOOLEAN NOT NULL DEFAULT FALSE;

-- The names that a repository had lead to it until another repository takes them.
CREATE TABLE repository_name (
  workspace  TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  slug       TEXT NOT NULL,
  repository TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  PRIMARY KEY (workspace, slug)
);
CREATE INDEX repository_name_repository ON repository_name (repository);

-- What may be done to branches whose names fit a pattern. push is the least
-- permission of whoever may push: 2 write, 3 admin, 4 nobody.
CREATE TABLE branch_rule (
  id         TEXT PRIMARY KEY,
  repository TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  pattern    TEXT NOT NULL,
  push       BIGINT NOT NULL,
  rewrite    BOOLEAN NOT NULL,
  removal    BOOLEAN NOT NULL,
  created    BIGINT NOT NULL,
  UNIQUE (repository, pattern)
);
