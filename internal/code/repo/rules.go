package repo

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// Rule is what may be done to the branches whose names fit a pattern, by pushes
// and by the pages alike. Of several rules that fit, each holds.
type Rule struct {
	ID      string
	Pattern string // as path.Match has it: "main", "release/*"
	Push    Pushers
	Rewrite bool // history may be pushed over
	Removal bool // the branch may be deleted
}

// Pushers is the least permission of whoever may push.
type Pushers int64

const (
	PushWrite  Pushers = 2 // whoever may write
	PushAdmin  Pushers = 3 // administrators of the repository
	PushNobody Pushers = 4
)

const maxRules = 50

// Rules lists the rules of the grant's repository by their patterns. It wants a
// grant for ReadRepositoryAdmin or ManagePermissions.
func (s *Service) Rules(ctx context.Context, g access.Grant) ([]Rule, error) {
	if err := g.Require(access.ReadRepositoryAdmin, access.ManagePermissions); err != nil {
		return nil, err
	}
	return s.rules(ctx, s.DB, g)
}

func (s *Service) rules(ctx context.Context, q db.Q, g access.Grant) ([]Rule, error) {
	rules, err := db.All[Rule](ctx, q, `
		SELECT id, pattern, push, rewrite, removal FROM branch_rule WHERE repository = $1 ORDER BY pattern`, g.Repository().ID)
	if err != nil {
		return nil, fmt.Errorf("reading the rules for branches: %w", err)
	}
	return rules, nil
}

// SetRule makes a rule, or changes the one for the pattern. It wants a grant for
// ManagePermissions, and is of kind Invalid for "pattern" or "push".
func (s *Service) SetRule(ctx context.Context, g access.Grant, in Rule) error {
	if err := g.Require(access.ManagePermissions); err != nil {
		return err
	}
	in.Pattern = strings.TrimSpace(in.Pattern)
	plain := strings.NewReplacer("*", "x", "?", "x", "[", "x", "]", "x").Replace(in.Pattern)
	switch _, err := path.Match(in.Pattern, ""); {
	case err != nil, in.Pattern == "", !git.ValidBranchName(plain):
		return errs.Invalid("pattern", "Give the name of a branch; * stands for anything but a slash, as in release/*.")
	case in.Push < PushWrite, in.Push > PushNobody:
		return errs.Invalid("push", "Choose who may push.")
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.lockPermissions(ctx, tx, g); err != nil {
			return err
		}
		rules, err := s.rules(ctx, tx, g)
		if err != nil {
			return err
		}
		known := slices.ContainsFunc(rules, func(r Rule) bool { return r.Pattern == in.Pattern })
		if !known && len(rules) >= maxRules {
			return errs.Conflict("pattern", "There can be %d rules. Delete one first.", maxRules)
		}
		if _, err := db.Exec(ctx, tx, `
			INSERT INTO branch_rule (id, repository, pattern, push, rewrite, removal, created) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (repository, pattern) DO UPDATE SET push = $4, rewrite = $5, removal = $6`,
			db.NewID(), g.Repository().ID, in.Pattern, int64(in.Push), in.Rewrite, in.Removal, s.Clock()); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "repository.branch_rule", g.Repository().ID, map[string]any{
			"pattern": in.Pattern, "push": int64(in.Push), "rewrite": in.Rewrite, "removal": in.Removal,
		})
	})
	if err != nil {
		return fmt.Errorf("making a rule for branches: %w", err)
	}
	return nil
}

// DropRule deletes a rule. It wants a grant for ManagePermissions.
func (s *Service) DropRule(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.ManagePermissions); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		gone, err := db.All[string](ctx, tx, `DELETE FROM branch_rule WHERE id = $1 AND repository = $2 RETURNING pattern`, id, g.Repository().ID)
		if err != nil || len(gone) == 0 {
			return err
		}
		return s.note(ctx, tx, g, "repository.branch_rule", g.Repository().ID, map[string]any{"pattern": gone[0], "deleted": true})
	})
	if err != nil {
		return fmt.Errorf("deleting a rule for branches: %w", err)
	}
	return nil
}

// judge gives what the rules say of updates by the grant's actor.
func (s *Service) judge(ctx context.Context, g access.Grant) (func(git.Update) (refused string, onlyForward bool), error) {
	rules, err := s.rules(ctx, s.DB, g)
	if err != nil {
		return nil, err
	}
	may := pusher(g)
	return func(u git.Update) (refused string, onlyForward bool) {
		name, branch := strings.CutPrefix(u.Name, branches)
		if !branch {
			return "", false
		}
		for _, rule := range rules {
			if fits, _ := path.Match(rule.Pattern, name); !fits {
				continue
			}
			switch {
			case rule.Push == PushNobody:
				return "nobody may push to branches like " + rule.Pattern, false
			case rule.Push > may:
				return "only administrators of the repository may push to branches like " + rule.Pattern, false
			case u.New == git.ZeroOID && !rule.Removal:
				return "branches like " + rule.Pattern + " can't be deleted", false
			}
			onlyForward = onlyForward || !rule.Rewrite && u.New != git.ZeroOID
		}
		return "", onlyForward
	}, nil
}

// pusher is what the grant's actor is to the rules. A machine may do all that its
// scopes say, so it is an administrator by the scope for that alone.
func pusher(g access.Grant) Pushers {
	actor := g.Actor()
	if actor.Credential.Machine() && !slices.Contains(actor.Scopes, access.ScopeAdminRepository) {
		return PushWrite
	}
	return Pushers(g.Repository().Permission)
}

// allowed refuses an update that a page makes and the rules don't allow.
func (s *Service) allowed(ctx context.Context, g access.Grant, u git.Update) error {
	judge, err := s.judge(ctx, g)
	if err != nil {
		return err
	}
	if refused, _ := judge(u); refused != "" {
		return errs.Conflict("", "By a rule of this repository, %s.", refused)
	}
	return nil
}
