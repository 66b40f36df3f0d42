-- +goose Up

-- As for repositories: how often something was written since git's files were
-- put in order, and when they were put in order whole.
ALTER TABLE snippet ADD COLUMN pushes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE snippet ADD COLUMN tended BIGINT NOT NULL DEFAULT 0;

CREATE TABLE wiki_upkeep (
  repository TEXT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
  pushes     BIGINT NOT NULL DEFAULT 0,
  tended     BIGINT NOT NULL DEFAULT 0
);
