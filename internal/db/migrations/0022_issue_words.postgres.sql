-- +goose Up

-- The words of an issue go with it by their foreign key already; SQLite, whose
-- full text knows none, gets a trigger.
SELECT 1;
