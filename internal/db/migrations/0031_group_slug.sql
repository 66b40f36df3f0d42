-- +goose Up

-- The name by which addresses call a group, made of the one that it had first.
-- Groups from before have none, and are called by their id.
ALTER TABLE workspace_group ADD COLUMN slug TEXT;
CREATE UNIQUE INDEX workspace_group_slug ON workspace_group (workspace, slug);
