-- +goose Up

-- The words of an issue and its comments, as package issue divides them.
CREATE TABLE issue_text (
  issue TEXT PRIMARY KEY REFERENCES issue (id) ON DELETE CASCADE,
  words TSVECTOR NOT NULL
);
CREATE INDEX issue_text_words ON issue_text USING gin (words);
