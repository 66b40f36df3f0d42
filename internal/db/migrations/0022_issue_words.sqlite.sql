-- +goose Up

-- FTS5 knows no foreign keys: the words of an issue go with it here, also where
-- its repository or workspace is deleted. Its row is the last 62 bits of the
-- issue's id, as package issue computes it.
DELETE FROM issue_text WHERE issue NOT IN (SELECT id FROM issue);
-- +goose StatementBegin
CREATE TRIGGER issue_words_gone AFTER DELETE ON issue BEGIN
  DELETE FROM issue_text WHERE rowid = (
    WITH RECURSIVE digit (at, value) AS (
      SELECT 1, (instr('0123456789abcdef', substr(OLD.id, 20, 1)) - 1) & 3
      UNION ALL
      SELECT at + 1, (value << 4) | (instr('0123456789abcdef', substr(substr(OLD.id, 20, 4) || substr(OLD.id, 25, 12), at + 1, 1)) - 1)
      FROM digit WHERE at < 16
    )
    SELECT value FROM digit WHERE at = 16);
END;
-- +goose StatementEnd
