package user

import (
	"context"
	"fmt"

	"sallyport.dev/internal/db"
)

// Leave removes the deploy keys of a repository, in the transaction that gives it
// to another workspace.
func (s *Service) Leave(ctx context.Context, tx *db.Tx, repository, _ string) error {
	if _, err := db.Exec(ctx, tx, `DELETE FROM ssh_key WHERE repository = $1`, repository); err != nil {
		return fmt.Errorf("removing a repository's deploy keys: %w", err)
	}
	return nil
}
