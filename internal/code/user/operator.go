package user

import (
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Who shut a user out. The operator's word is the last: whom the operator shut
// out, the issuer doesn't let in again.
const (
	byOperator = "operator"
	byIssuer   = "issuer"
)

// Suspend shuts the profiles of an issuer's subject out at once, at every door,
// or lets them in again: because their account was. An empty issuer stands for
// any, for an operator who suspends a person. It gives how many profiles
// changed: none where the person never came to Code.
func (s *Service) Suspend(ctx context.Context, issuer, subject string, suspended bool) (int, error) {
	entry := audit.Entry{Actor: byIssuer, Detail: map[string]any{"issuer": issuer}}
	if issuer == "" {
		entry = audit.Entry{Actor: byOperator, Detail: map[string]any{"for": "the account"}}
	}
	changed, err := s.suspend(ctx, `subject = $1 AND ($2 = '' OR issuer = $2)`, []any{subject, issuer}, byIssuer, suspended, entry, func(tx *db.Tx) (bool, error) {
		_, err := overtake(ctx, tx, issuer, subject, s.Clock()) // what was told of earlier and comes only now is over
		return true, err
	})
	return len(changed), err
}

// SuspendUser shuts one user of Code out, or lets them in again. It is the
// operator's, and of kind NotFound where there is no such user.
func (s *Service) SuspendUser(ctx context.Context, username string, suspended bool) error {
	id, err := db.One[string](ctx, s.DB, `SELECT id FROM code_user WHERE username = $1`, strings.ToLower(username))
	if errs.Is(err, errs.KindNotFound) {
		return errs.NotFound("There is no user %q.", username)
	}
	if err != nil {
		return fmt.Errorf("suspending a user: %w", err)
	}
	_, err = s.suspend(ctx, `id = $1`, []any{id}, byOperator, suspended, audit.Entry{Actor: byOperator}, always)
	return err
}

func always(*db.Tx) (bool, error) { return true, nil }

// suspend changes the profiles that match where, if first says so, and gives
// their ids. Their sessions end; tokens and keys open nothing while it holds.
func (s *Service) suspend(
	ctx context.Context, where string, args []any, by string, suspended bool, entry audit.Entry, first func(*db.Tx) (bool, error),
) ([]string, error) {
	change, from := `suspended = TRUE, suspended_by = '`+by+`'`, `NOT suspended`
	entry.Action = "user.suspended"
	switch {
	case suspended && by == byOperator:
		from = `suspended_by <> 'operator'`
	case !suspended:
		change, from = `suspended = FALSE, suspended_by = ''`, `suspended`
		entry.Action = "user.resumed"
		if by == byIssuer {
			from = `suspended_by = 'issuer'`
		}
	}
	var changed []string
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if goOn, err := first(tx); err != nil || !goOn {
			return err
		}
		if err := s.lockSessions(ctx, tx); err != nil {
			return err
		}
		var err error
		changed, err = db.All[string](ctx, tx, `UPDATE code_user SET `+change+` WHERE `+from+` AND `+where+` RETURNING id`, args...)
		if err != nil {
			return err
		}
		for _, id := range changed {
			if _, err := db.Exec(ctx, tx, `DELETE FROM code_session WHERE user_id = $1`, id); err != nil {
				return err
			}
		}
		return s.noteSuspended(ctx, tx, changed, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("suspending a user: %w", err)
	}
	return changed, nil
}

// noteSuspended adds to the audit log, for each user, an entry of no workspace
// and one for each of theirs, whose owners so learn of it.
func (s *Service) noteSuspended(ctx context.Context, tx *db.Tx, users []string, entry audit.Entry) error {
	entry.Realm = "code"
	for _, id := range users {
		workspaces, err := db.All[string](ctx, tx, `SELECT workspace FROM member WHERE user_id = $1 ORDER BY workspace`, id)
		if err != nil {
			return err
		}
		for _, workspace := range append([]string{""}, workspaces...) {
			entry.Workspace, entry.Target = workspace, id
			if err := s.Audit.Append(ctx, tx, entry); err != nil {
				return err
			}
		}
	}
	return nil
}
