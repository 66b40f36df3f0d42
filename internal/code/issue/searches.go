package issue

import (
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

const (
	maxSearches   = 50 // of one person in a tracker
	maxSearch     = 60 // characters of a name
	maxSearchText = 2 << 10
)

// Search is a filter that a member keeps under a name; nobody else sees it.
type Search struct {
	ID, Name string
	Query    string // the filter, as the door writes it
}

// Searches lists what the grant's actor has saved in the tracker, by name.
func (s *Service) Searches(ctx context.Context, g access.Grant) ([]Search, error) {
	if err := g.Require(reading...); err != nil {
		return nil, err
	}
	list, err := db.All[Search](ctx, s.DB, `SELECT id, name, query FROM issue_search WHERE repository = $1 AND user_id = $2 ORDER BY folded`,
		g.Repository().ID, g.Actor().User)
	if err != nil {
		return nil, fmt.Errorf("listing saved searches: %w", err)
	}
	return list, nil
}

// SaveSearch keeps a filter under a name for the grant's actor, who must be a
// member of the workspace. It wants a grant for SaveSearches; what is wrong is
// of kind Invalid or Conflict for "name".
func (s *Service) SaveSearch(ctx context.Context, g access.Grant, name, query string) error {
	if err := g.Require(access.SaveSearches); err != nil {
		return err
	}
	name, err := cleanEntry(name, maxSearch)
	switch {
	case err != nil:
		return err
	case query == "":
		return errs.Invalid("name", "There is nothing to save yet. Choose a filter first.")
	case len(query) > maxSearchText:
		return errs.Invalid("name", "This filter is too long to be saved. Search for fewer words.")
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := db.Lock(ctx, tx, "searches "+g.Actor().User); err != nil {
			return err
		}
		count, err := db.One[int](ctx, tx, `SELECT COUNT(*) FROM issue_search WHERE repository = $1 AND user_id = $2`, g.Repository().ID, g.Actor().User)
		if err == nil && count >= maxSearches {
			err = errs.Conflict("name", "You can save %d searches here. Remove one that you no longer need.", maxSearches)
		}
		if err != nil {
			return err
		}
		saved, err := db.Exec(ctx, tx, `INSERT INTO issue_search (id, repository, workspace, user_id, name, folded, query)
			SELECT $1, $2, m.workspace, m.user_id, $3, $4, $5 FROM member m WHERE m.workspace = $6 AND m.user_id = $7`,
			db.NewID(), g.Repository().ID, name, strings.ToLower(name), query, g.Workspace().ID, g.Actor().User)
		if err == nil && saved == 0 {
			err = errs.Denied("Only members of the workspace save searches here.")
		}
		return searchNamed(err)
	})
	if err != nil {
		return fmt.Errorf("saving a search: %w", err)
	}
	return nil
}

// RenameSearch gives one of the actor's searches another name. It wants a grant
// for SaveSearches.
func (s *Service) RenameSearch(ctx context.Context, g access.Grant, id, name string) error {
	if err := g.Require(access.SaveSearches); err != nil {
		return err
	}
	name, err := cleanEntry(name, maxSearch)
	if err != nil {
		return err
	}
	renamed, err := db.Exec(ctx, s.DB, `UPDATE issue_search SET name = $1, folded = $2 WHERE id = $3 AND repository = $4 AND user_id = $5`,
		name, strings.ToLower(name), id, g.Repository().ID, g.Actor().User)
	if err == nil && renamed == 0 {
		err = errs.Conflict("", "That search is removed already.")
	}
	if err = searchNamed(err); err != nil {
		return fmt.Errorf("renaming a saved search: %w", err)
	}
	return nil
}

// RemoveSearch forgets one of the actor's searches. It wants a grant for
// SaveSearches.
func (s *Service) RemoveSearch(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.SaveSearches); err != nil {
		return err
	}
	_, err := db.Exec(ctx, s.DB, `DELETE FROM issue_search WHERE id = $1 AND repository = $2 AND user_id = $3`, id, g.Repository().ID, g.Actor().User)
	if err != nil {
		return fmt.Errorf("removing a saved search: %w", err)
	}
	return nil
}

func searchNamed(err error) error {
	if db.IsDuplicate(err) {
		return errs.Conflict("name", "You have a search of that name already. Choose another.")
	}
	return err
}

// Transferred takes the searches of those along who are members of the other workspace
// too, in the transaction that gives it the repository.
func (s *Service) Transferred(ctx context.Context, tx *db.Tx, repository, into string) error {
	for _, statement := range []string{
		`UPDATE issue_search SET workspace = $2 WHERE repository = $1 AND user_id IN (SELECT m.user_id FROM member m WHERE m.workspace = $2)`,
		`DELETE FROM issue_search WHERE repository = $1 AND workspace <> $2`,
	} {
		if _, err := db.Exec(ctx, tx, statement, repository, into); err != nil {
			return fmt.Errorf("moving saved searches: %w", err)
		}
	}
	return nil
}
