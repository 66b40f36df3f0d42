-- +goose Up

-- The words of an issue and its comments, as package issue divides them.
CREATE VIRTUAL TABLE issue_text USING fts5 (issue UNINDEXED, words, tokenize = 'unicode61 remove_diacritics 0');
