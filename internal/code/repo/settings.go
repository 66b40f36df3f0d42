package repo

import (
	"context"
	"fmt"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

// Describe gives the grant's repository another description. It needs
// access.EditRepository, and is of kind Invalid for "description".
func (s *Service) Describe(ctx context.Context, g access.Grant, description string) error {
	if err := g.Require(access.EditRepository); err != nil {
		return err
	}
	description, err := cleanDescription(description)
	if err != nil {
		return err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		was, err := s.byID(ctx, tx, g.Repository().ID)
		if err != nil || was.Description == description {
			return err
		}
		if _, err := db.Exec(ctx, tx, `UPDATE repository SET description = $2 WHERE id = $1`, was.ID, description); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "repository.description", was.ID, map[string]any{"slug": was.Slug, "from": was.Description, "to": description})
	})
	if err != nil {
		return fmt.Errorf("describing a repository: %w", err)
	}
	return nil
}

// SetVisibility makes the grant's repository public or private, from the next
// request on. It needs access.SetVisibility, and is of kind Invalid for "visibility"
// where the workspace allows no public content.
func (s *Service) SetVisibility(ctx context.Context, g access.Grant, public bool) error {
	if err := g.Require(access.SetVisibility); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.mayBePublic(ctx, tx, g, public); err != nil {
			return err
		}
		was, err := s.byID(ctx, tx, g.Repository().ID)
		if err != nil || was.Public == public {
			return err
		}
		if _, err := db.Exec(ctx, tx, `UPDATE repository SET public = $2 WHERE id = $1`, was.ID, public); err != nil {
			return err
		}
		return s.note(ctx, tx, g, "repository.visibility", was.ID, map[string]any{
			"slug": was.Slug, "from": visibility(was.Public), "to": visibility(public),
		})
	})
	if err != nil {
		return fmt.Errorf("changing a repository's visibility: %w", err)
	}
	return nil
}

// mayBePublic refuses what shall be public where the workspace rules it out. It
// holds the workspace, by the name under which package workspace changes its
// policy, so that neither can overlook the other.
func (s *Service) mayBePublic(ctx context.Context, tx *db.Tx, g access.Grant, public bool) error {
	if !public {
		return nil
	}
	if err := db.Lock(ctx, tx, "workspace "+g.Workspace().ID); err != nil {
		return err
	}
	ruledOut, err := db.One[bool](ctx, tx, `SELECT no_public FROM workspace WHERE id = $1`, g.Workspace().ID)
	if err != nil {
		return err
	}
	if ruledOut {
		return errs.Invalid("visibility", "This workspace allows no public content.")
	}
	return nil
}

func visibility(public bool) string {
	if public {
		return "public"
	}
	return "private"
}

// note adds to the audit log what the grant's actor did to a repository.
func (s *Service) note(ctx context.Context, tx *db.Tx, g access.Grant, action, target string, detail map[string]any) error {
	a := g.Actor()
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "code", Workspace: g.Workspace().ID, Actor: a.Who(), Credential: string(a.Credential), Address: request.AddressText(a.Address),
		Action: action, Target: target, Detail: detail,
	})
}
