-- +goose Up

-- When the requirement was switched on: a grace runs from there.
ALTER TABLE workspace ADD COLUMN required_at BIGINT NOT NULL DEFAULT 0;

-- The grace's last notice that a member was told or didn't need, by the time
-- when it was due; and when an owner last reminded them.
ALTER TABLE member ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
ALTER TABLE member ADD COLUMN reminded BIGINT NOT NULL DEFAULT 0;

-- How often an open invitation was sent.
ALTER TABLE invitation ADD COLUMN sent BIGINT NOT NULL DEFAULT 1;

-- How many members were ready, on each day.
CREATE TABLE coverage (
  workspace TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  day       BIGINT NOT NULL,
  ready     BIGINT NOT NULL,
  total     BIGINT NOT NULL,
  PRIMARY KEY (workspace, day)
);
