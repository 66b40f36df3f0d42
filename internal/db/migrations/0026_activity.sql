-- +goose Up

-- What happened to content, for those who may see it, for some weeks. What can
-- be renamed is named by what it belongs to; what is deleted takes its events
-- along. An id sorts by the time at which it was made.
CREATE TABLE event (
  id         TEXT PRIMARY KEY,
  workspace  TEXT NOT NULL REFERENCES workspace (id) ON DELETE CASCADE,
  repository TEXT REFERENCES repository (id) ON DELETE CASCADE,
  issue      TEXT REFERENCES issue (id) ON DELETE CASCADE,
  snippet    TEXT REFERENCES snippet (id) ON DELETE CASCADE,
  content    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  actor      TEXT REFERENCES code_user (id),
  subject    TEXT NOT NULL,
  detail     TEXT NOT NULL,
  count      BIGINT NOT NULL,
  created    BIGINT NOT NULL
);
CREATE INDEX event_workspace ON event (workspace, id);
CREATE INDEX event_repository ON event (repository, id);
CREATE INDEX event_issue ON event (issue);
CREATE INDEX event_snippet ON event (snippet);
CREATE INDEX event_actor ON event (actor);
CREATE INDEX event_created ON event (created);

-- What is open and somebody's to do.
CREATE INDEX issue_assignee_updated ON issue (assignee, updated);

-- Which invitations await somebody.
CREATE INDEX invitation_email ON invitation (email);
