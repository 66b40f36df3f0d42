-- +goose Up

-- Who is told of which event, and why; it goes with the event.
CREATE TABLE notification (
  id      TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES code_user (id) ON DELETE CASCADE,
  event   TEXT NOT NULL REFERENCES event (id) ON DELETE CASCADE,
  reason  TEXT NOT NULL,
  read    BIGINT NOT NULL DEFAULT 0,
  UNIQUE (event, user_id)
);
CREATE INDEX notification_user ON notification (user_id, id);
CREATE INDEX notification_unread ON notification (user_id, read, id);

-- Who is told of what happens in a repository.
CREATE TABLE repository_watch (
  repository TEXT NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  user_id    TEXT NOT NULL REFERENCES code_user (id) ON DELETE CASCADE,
  PRIMARY KEY (repository, user_id)
);
CREATE INDEX repository_watch_user ON repository_watch (user_id);

-- How somebody wants to be told, by reason; where there is no row, both ways.
CREATE TABLE notice_choice (
  user_id TEXT NOT NULL REFERENCES code_user (id) ON DELETE CASCADE,
  reason  TEXT NOT NULL,
  page    BOOLEAN NOT NULL,
  mail    BOOLEAN NOT NULL,
  PRIMARY KEY (user_id, reason)
);
