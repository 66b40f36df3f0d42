package snippet

import (
	"context"
	"fmt"
	"log/slog"

	"sallyport.dev/internal/db"
)

// RemoveOf deletes a workspace's snippets in the transaction that deletes the
// workspace. Their files follow once it is committed; what a crash leaves of
// them, Clear removes.
func (s *Service) RemoveOf(ctx context.Context, tx *db.Tx, workspace string) error {
	ids, err := db.All[string](ctx, tx, `SELECT id FROM snippet WHERE workspace = $1`, workspace)
	if err != nil {
		return fmt.Errorf("listing snippets to delete: %w", err)
	}
	for _, statement := range []string{
		`DELETE FROM snippet_comment WHERE snippet IN (SELECT id FROM snippet WHERE workspace = $1)`,
		`DELETE FROM snippet WHERE workspace = $1`,
	} {
		if _, err := db.Exec(ctx, tx, statement, workspace); err != nil {
			return fmt.Errorf("deleting snippets: %w", err)
		}
	}
	tx.AfterCommit(func() {
		for _, id := range ids {
			if err := s.store().Remove(id); err != nil {
				slog.ErrorContext(ctx, "removing the files of a deleted snippet", "snippet", id, "err", err)
			}
		}
	})
	return nil
}
