package issue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

const (
	maxChoice  = 100 // characters
	maxChoices = 200 // of one list
	maxPeople  = 500 // that are offered
)

// Choice is one entry of a list, and how many issues have it.
type Choice struct {
	ID     string
	Number int64 // counts the entries of all lists of a tracker; none is given twice
	List   List
	Name   string
	Issues int
}

// Choices lists a tracker's components, milestones and versions, by name.
func (s *Service) Choices(ctx context.Context, g access.Grant) ([]Choice, error) {
	if err := g.Require(reading...); err != nil {
		return nil, err
	}
	list, err := db.All[Choice](ctx, s.DB, `
		SELECT c.id, c.number, c.list, c.name, (SELECT COUNT(*) FROM issue i WHERE i.component = c.id OR i.milestone = c.id OR i.version = c.id)
		FROM issue_choice c WHERE c.repository = $1 ORDER BY c.list, c.folded`, g.Repository().ID)
	if err != nil {
		return nil, fmt.Errorf("listing choices: %w", err)
	}
	return list, nil
}

func (s *Service) choice(ctx context.Context, q db.Q, g access.Grant, list List, name string) (*string, error) {
	if name == "" {
		return nil, nil
	}
	id, err := db.One[string](ctx, q, `SELECT id FROM issue_choice WHERE repository = $1 AND list = $2 AND folded = $3`, g.Repository().ID, list, strings.ToLower(name))
	if errs.Is(err, errs.KindNotFound) {
		return nil, errs.Invalid(string(list), "There is no %s of that name any more. Choose another.", list)
	}
	return &id, err
}

// cleanEntry gives a name of one line, of at most that many characters.
func cleanEntry(name string, most int) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	switch {
	case name == "":
		return "", errs.Invalid("name", "Give it a name.")
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return "", errs.Invalid("name", "Use one line of text.")
	case utf8.RuneCountInString(name) > most:
		return "", errs.Invalid("name", "Use at most %d characters.", most)
	}
	return name, nil
}

// AddChoice adds an entry to a list. It wants a grant for AdminIssues.
func (s *Service) AddChoice(ctx context.Context, g access.Grant, list List, name string) error {
	if err := g.Require(access.AdminIssues); err != nil {
		return err
	}
	name, err := cleanEntry(name, maxChoice)
	if err == nil && list != Components && list != Milestones && list != Versions {
		err = errs.Invalid("list", "Choose a list.")
	}
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := s.addChoice(ctx, tx, g, list, name); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "issue.choice_added", 0, map[string]any{"list": list, "name": name})
	})
}

func (s *Service) addChoice(ctx context.Context, tx *db.Tx, g access.Grant, list List, name string) (string, error) {
	count, err := db.One[int](ctx, tx, `SELECT COUNT(*) FROM issue_choice WHERE repository = $1 AND list = $2`, g.Repository().ID, list)
	if err != nil {
		return "", err
	}
	if count >= maxChoices {
		return "", errs.Conflict("name", "A list can have %d entries. Delete one that is no longer needed.", maxChoices)
	}
	number, err := db.One[int64](ctx, tx, `
		INSERT INTO issue_tracker (repository, last, last_choice) VALUES ($1, 0, 1)
		ON CONFLICT (repository) DO UPDATE SET last_choice = issue_tracker.last_choice + 1 RETURNING last_choice`, g.Repository().ID)
	if err != nil {
		return "", err
	}
	id := db.NewID()
	_, err = db.Exec(ctx, tx, `INSERT INTO issue_choice (id, repository, number, list, name, folded) VALUES ($1, $2, $3, $4, $5, $6)`,
		id, g.Repository().ID, number, list, name, strings.ToLower(name))
	if db.IsDuplicate(err) {
		return "", errs.Conflict("name", "There is a %s of that name already.", list)
	}
	return id, err
}

// ChangeChoice gives an entry another name, or deletes it where the name is
// empty: the issues that had it have none then. It wants a grant for AdminIssues.
func (s *Service) ChangeChoice(ctx context.Context, g access.Grant, id, name string) error {
	if err := g.Require(access.AdminIssues); err != nil {
		return err
	}
	remove := name == ""
	if !remove {
		var err error
		if name, err = cleanEntry(name, maxChoice); err != nil {
			return err
		}
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		was, err := db.One[Choice](ctx, tx, `SELECT id, number, list, name, 0 FROM issue_choice WHERE id = $1 AND repository = $2`, id, g.Repository().ID)
		if errs.Is(err, errs.KindNotFound) {
			return errs.Conflict("", "That entry is deleted already.")
		}
		if err != nil {
			return err
		}
		if remove {
			_, err = db.Exec(ctx, tx, `DELETE FROM issue_choice WHERE id = $1`, id)
		} else {
			_, err = db.Exec(ctx, tx, `UPDATE issue_choice SET name = $1, folded = $2 WHERE id = $3`, name, strings.ToLower(name), id)
		}
		if db.IsDuplicate(err) {
			return errs.Conflict("name", "There is a %s of that name already.", was.List)
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, g, "issue.choice_changed", 0, map[string]any{"list": was.List, "from": was.Name, "to": name})
	})
}

// Assignable lists whom an issue can be given to, by username.
func (s *Service) Assignable(ctx context.Context, g access.Grant) ([]Person, error) {
	if err := g.Require(reading...); err != nil {
		return nil, err
	}
	if g.Repository().Permission == access.None { // a stranger at a public tracker learns no names
		return nil, nil
	}
	list, err := db.All[Person](ctx, s.DB, `SELECT u.id, u.username, COALESCE(NULLIF(u.name, ''), u.username) FROM code_user u
		WHERE u.id IN (`+membersSQL+`) ORDER BY u.username LIMIT $2`, g.Repository().ID, maxPeople)
	if err != nil {
		return nil, fmt.Errorf("listing members: %w", err)
	}
	return list, nil
}

func joined(failures []error) error { return errors.Join(failures...) }
