-- +goose Up

-- What a repository has beside its code, each with a visibility of its own.
ALTER TABLE repository ADD COLUMN has_wiki BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE repository ADD COLUMN wiki_public BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE repository ADD COLUMN has_issues BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE repository ADD COLUMN issues_public BOOLEAN NOT NULL DEFAULT FALSE;

-- A snippet's files lie in git.
CREATE TABLE snippet (
  id        TEXT PRIMARY KEY,
  workspace TEXT NOT NULL REFERENCES workspace (id),
  author    TEXT NOT NULL REFERENCES code_user (id),
  title     TEXT NOT NULL,
  public    BOOLEAN NOT NULL,
  created   BIGINT NOT NULL,
  updated   BIGINT NOT NULL
);
CREATE INDEX snippet_workspace ON snippet (workspace, created, id);
CREATE INDEX snippet_author ON snippet (author);

CREATE TABLE snippet_comment (
  id      TEXT PRIMARY KEY,
  snippet TEXT NOT NULL REFERENCES snippet (id),
  author  TEXT NOT NULL REFERENCES code_user (id),
  body    TEXT NOT NULL,
  created BIGINT NOT NULL,
  edited  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX snippet_comment_snippet ON snippet_comment (snippet, id);
CREATE INDEX snippet_comment_author ON snippet_comment (author);
