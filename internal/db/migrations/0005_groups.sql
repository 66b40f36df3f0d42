-- +goose Up

-- What every member may do with every repository: 0 none, 1 read, 2 write.
ALTER TABLE workspace ADD COLUMN default_access BIGINT NOT NULL DEFAULT 2;
-- Whether every member may create repositories; else owners and chosen groups.
ALTER TABLE workspace ADD COLUMN members_create BOOLEAN NOT NULL DEFAULT TRUE;

CREATE TABLE workspace_group (
  id        TEXT PRIMARY KEY,
  workspace TEXT NOT NULL REFERENCES workspace (id),
  name      TEXT NOT NULL,
  folded    TEXT NOT NULL,
  creates   BOOLEAN NOT NULL DEFAULT FALSE,
  created   BIGINT NOT NULL,
  UNIQUE (workspace, folded),
  UNIQUE (id, workspace)
);

-- Nobody is in a group, or holds a permission of their own, without being a
-- member of its workspace: with the member go the rows.
CREATE TABLE group_member (
  group_id  TEXT NOT NULL,
  workspace TEXT NOT NULL,
  user_id   TEXT NOT NULL,
  created   BIGINT NOT NULL,
  PRIMARY KEY (workspace, user_id, group_id),
  FOREIGN KEY (group_id, workspace) REFERENCES workspace_group (id, workspace) ON DELETE CASCADE,
  FOREIGN KEY (workspace, user_id) REFERENCES member (workspace, user_id) ON DELETE CASCADE
);
CREATE INDEX group_member_group ON group_member (group_id);

-- Permissions on one repository: 1 read, 2 write, 3 admin.
CREATE TABLE repository_user (
  repository TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  workspace  TEXT NOT NULL,
  user_id    TEXT NOT NULL,
  permission BIGINT NOT NULL,
  PRIMARY KEY (repository, user_id),
  FOREIGN KEY (workspace, user_id) REFERENCES member (workspace, user_id) ON DELETE CASCADE
);
CREATE INDEX repository_user_member ON repository_user (workspace, user_id);

CREATE TABLE repository_group (
  repository TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  group_id   TEXT NOT NULL REFERENCES workspace_group (id) ON DELETE CASCADE,
  permission BIGINT NOT NULL,
  PRIMARY KEY (repository, group_id)
);
CREATE INDEX repository_group_group ON repository_group (group_id);

-- Who shut a user out: 'operator' or 'issuer'. Only the operator lets in again
-- whom the operator shut out.
ALTER TABLE code_user ADD COLUMN suspended_by TEXT NOT NULL DEFAULT '';
UPDATE code_user SET suspended_by = 'issuer' WHERE suspended;

-- What one person did in one workspace.
CREATE INDEX audit_workspace_actor ON audit (workspace, actor, seq);

-- Repositories whose rows are deleted and whose files are to be, after the commit.
CREATE TABLE repository_gone (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL
);
