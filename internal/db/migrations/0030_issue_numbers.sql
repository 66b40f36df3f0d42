-- +goose Up

-- Comments are known by their number within the issue, in the order in which
-- they were written.
ALTER TABLE issue_comment ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
UPDATE issue_comment SET number = counted.number FROM
  (SELECT id, ROW_NUMBER() OVER (PARTITION BY issue ORDER BY created, id) AS number FROM issue_comment) counted
  WHERE counted.id = issue_comment.id;
DROP INDEX issue_comment_issue;
CREATE UNIQUE INDEX issue_comment_number ON issue_comment (issue, number);

-- Components, milestones and versions are known by one number in the tracker,
-- which counts them as it does issues.
ALTER TABLE issue_choice ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE issue_tracker ADD COLUMN last_choice BIGINT NOT NULL DEFAULT 0;
UPDATE issue_choice SET number = counted.number FROM
  (SELECT id, ROW_NUMBER() OVER (PARTITION BY repository ORDER BY id) AS number FROM issue_choice) counted
  WHERE counted.id = issue_choice.id;
INSERT INTO issue_tracker (repository, last)
  SELECT DISTINCT c.repository, 0 FROM issue_choice c WHERE c.repository NOT IN (SELECT repository FROM issue_tracker);
UPDATE issue_tracker SET last_choice = (SELECT COALESCE(MAX(c.number), 0) FROM issue_choice c WHERE c.repository = issue_tracker.repository);
CREATE UNIQUE INDEX issue_choice_number ON issue_choice (repository, number);

-- The filters of a tracker that its members keep under a name. They go with the
-- membership: in another workspace nobody has them.
CREATE TABLE issue_search (
  id         TEXT PRIMARY KEY,
  repository TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  workspace  TEXT NOT NULL,
  user_id    TEXT NOT NULL,
  name       TEXT NOT NULL,
  folded     TEXT NOT NULL,
  query      TEXT NOT NULL,
  UNIQUE (repository, user_id, folded),
  FOREIGN KEY (workspace, user_id) REFERENCES member (workspace, user_id) ON DELETE CASCADE
);
CREATE INDEX issue_search_member ON issue_search (workspace, user_id);
