package token

import (
	"context"
	"fmt"

	"sallyport.dev/internal/db"
)

// Leave ends the access tokens of a repository, in the transaction that gives it
// to another workspace.
func (s *Service) Leave(ctx context.Context, tx *db.Tx, repository, _ string) error {
	if _, err := db.Exec(ctx, tx, `DELETE FROM token WHERE repository = $1`, repository); err != nil {
		return fmt.Errorf("ending a repository's tokens: %w", err)
	}
	return nil
}
