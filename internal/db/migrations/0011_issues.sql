-- +goose Up

-- What a repository's issue tracker counts on: a number is given by one UPDATE.
CREATE TABLE issue_tracker (
  repository TEXT PRIMARY KEY REFERENCES repository (id) ON DELETE CASCADE,
  last       BIGINT NOT NULL
);

-- The lists to choose from: components, milestones, versions.
CREATE TABLE issue_choice (
  id         TEXT PRIMARY KEY,
  repository TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  list       TEXT NOT NULL,
  name       TEXT NOT NULL,
  folded     TEXT NOT NULL,
  UNIQUE (repository, list, folded)
);

-- Who wrote something may be unknown here: then their name stands beside.
CREATE TABLE issue (
  id            TEXT PRIMARY KEY,
  repository    TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  number        BIGINT NOT NULL,
  title         TEXT NOT NULL,
  body          TEXT NOT NULL,
  kind          TEXT NOT NULL,
  priority      BIGINT NOT NULL,
  state         TEXT NOT NULL,
  reporter      TEXT REFERENCES code_user (id),
  reporter_name TEXT NOT NULL,
  assignee      TEXT REFERENCES code_user (id),
  component     TEXT REFERENCES issue_choice (id) ON DELETE SET NULL,
  milestone     TEXT REFERENCES issue_choice (id) ON DELETE SET NULL,
  version       TEXT REFERENCES issue_choice (id) ON DELETE SET NULL,
  votes         BIGINT NOT NULL DEFAULT 0,
  revision      BIGINT NOT NULL DEFAULT 1,
  created       BIGINT NOT NULL,
  updated       BIGINT NOT NULL,
  UNIQUE (repository, number)
);
CREATE INDEX issue_updated ON issue (repository, updated, number);
CREATE INDEX issue_reporter ON issue (reporter);
CREATE INDEX issue_assignee ON issue (assignee);
CREATE INDEX issue_component ON issue (component);
CREATE INDEX issue_milestone ON issue (milestone);
CREATE INDEX issue_version ON issue (version);

-- A deleted comment keeps its place, and is shown to nobody.
CREATE TABLE issue_comment (
  id          TEXT PRIMARY KEY,
  issue       TEXT NOT NULL REFERENCES issue (id) ON DELETE CASCADE,
  author      TEXT REFERENCES code_user (id),
  author_name TEXT NOT NULL,
  body        TEXT NOT NULL,
  created     BIGINT NOT NULL,
  edited      BIGINT NOT NULL DEFAULT 0,
  deleted     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX issue_comment_issue ON issue_comment (issue, created, id);
CREATE INDEX issue_comment_author ON issue_comment (author);

-- What an edited comment was before.
CREATE TABLE issue_comment_version (
  id      TEXT PRIMARY KEY,
  comment TEXT NOT NULL REFERENCES issue_comment (id) ON DELETE CASCADE,
  body    TEXT NOT NULL,
  written BIGINT NOT NULL
);
CREATE INDEX issue_comment_version_comment ON issue_comment_version (comment, id);

-- Who changed which field from what to what, in which revision of the issue.
CREATE TABLE issue_change (
  id          TEXT PRIMARY KEY,
  issue       TEXT NOT NULL REFERENCES issue (id) ON DELETE CASCADE,
  revision    BIGINT NOT NULL,
  comment     TEXT REFERENCES issue_comment (id) ON DELETE SET NULL,
  author      TEXT REFERENCES code_user (id),
  author_name TEXT NOT NULL,
  field       TEXT NOT NULL,
  was         TEXT NOT NULL,
  became      TEXT NOT NULL,
  created     BIGINT NOT NULL
);
CREATE INDEX issue_change_issue ON issue_change (issue, revision, id);
CREATE INDEX issue_change_author ON issue_change (author);
CREATE INDEX issue_change_comment ON issue_change (comment);

CREATE TABLE issue_vote (
  issue   TEXT NOT NULL REFERENCES issue (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES code_user (id),
  PRIMARY KEY (issue, user_id)
);
CREATE INDEX issue_vote_user ON issue_vote (user_id);

-- Whoever has said no stays out, whatever is said to them later.
CREATE TABLE issue_watch (
  issue    TEXT NOT NULL REFERENCES issue (id) ON DELETE CASCADE,
  user_id  TEXT NOT NULL REFERENCES code_user (id),
  watching BOOLEAN NOT NULL,
  PRIMARY KEY (issue, user_id)
);
CREATE INDEX issue_watch_user ON issue_watch (user_id);

-- What a mail tells of, to be judged once more when it is sent, and the page
-- on which its recipient says no to more.
ALTER TABLE outbox ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN unsubscribe TEXT NOT NULL DEFAULT '';
