-- +goose Up

-- How many pushes came since git's files were put in order, and when they were
-- put in order whole.
ALTER TABLE repository ADD COLUMN pushes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE repository ADD COLUMN tended BIGINT NOT NULL DEFAULT 0;

-- Which repository one is a fork of.
CREATE TABLE repository_fork (
  repository TEXT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
  origin     TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE
);
CREATE INDEX repository_fork_origin ON repository_fork (origin);

-- Repositories that are brought in, in the background. A row whose time of being
-- seen stands still was broken off.
CREATE TABLE repository_import (
  id         TEXT PRIMARY KEY,
  workspace  TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  actor      TEXT NOT NULL,
  name       TEXT NOT NULL,
  source     TEXT NOT NULL,
  state      TEXT NOT NULL,
  message    TEXT NOT NULL,
  bytes      BIGINT NOT NULL,
  repository TEXT NOT NULL,
  began      BIGINT NOT NULL,
  seen       BIGINT NOT NULL
);
CREATE INDEX repository_import_workspace ON repository_import (workspace, began);
