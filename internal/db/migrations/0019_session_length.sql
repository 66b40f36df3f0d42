-- +goose Up

-- How long a session in Code lasts, as the issuer said when it was opened.
ALTER TABLE code_session ADD COLUMN expires BIGINT NOT NULL DEFAULT 0;
ALTER TABLE code_session ADD COLUMN idle BIGINT NOT NULL DEFAULT 0; -- microseconds
UPDATE code_session SET expires = created + 2592000000000, idle = 604800000000;
