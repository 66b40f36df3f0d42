package workspace

import (
	"context"
	"fmt"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
)

// Content deletes what a room keeps of a workspace, in the transaction that
// deletes the workspace.
type Content func(ctx context.Context, tx *db.Tx, workspace string) error

// Delete deletes the workspace with everything in it; only its part of the
// audit log stays. Whoever does it types its address (slug), and its owners are
// told by mail. It needs access.DeleteWorkspace, and is of kind Invalid for
// "confirm" where something else was typed.
func (s *Service) Delete(ctx context.Context, g access.Grant, typed string) error {
	if err := g.Require(access.DeleteWorkspace); err != nil {
		return err
	}
	if strings.TrimSpace(typed) != g.Workspace().Slug {
		return errs.Invalid("confirm", "Type %s to delete it.", g.Workspace().Slug)
	}
	id := g.Workspace().ID
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, id); err != nil {
			return err
		}
		w, err := s.byID(ctx, tx, id)
		if errs.Is(err, errs.KindNotFound) {
			return errs.NotFound("The workspace is deleted already.")
		}
		if err != nil {
			return err
		}
		if err := s.mailDeleted(ctx, tx, g, w); err != nil {
			return err
		}
		for _, remove := range s.Contents {
			if err := remove(ctx, tx, id); err != nil {
				return err
			}
		}
		if err := s.deleteWorkspace(ctx, tx, id); err != nil {
			return err
		}
		return s.note(ctx, tx, g, id, "workspace.deleted", id, map[string]any{"slug": w.Slug, "name": w.Name, "plan": w.Plan})
	})
	if err != nil {
		return fmt.Errorf("deleting a workspace: %w", err)
	}
	return nil
}

// deleteWorkspace deletes what this package keeps of a workspace. Who is in
// groups, and who holds permissions, goes with the members.
func (s *Service) deleteWorkspace(ctx context.Context, tx *db.Tx, id string) error {
	for _, statement := range []string{
		`DELETE FROM invitation WHERE workspace = $1`,
		`DELETE FROM workspace_group WHERE workspace = $1`,
		`DELETE FROM member WHERE workspace = $1`,
		`DELETE FROM workspace WHERE id = $1`,
	} {
		if _, err := db.Exec(ctx, tx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) mailDeleted(ctx context.Context, tx *db.Tx, g access.Grant, w Workspace) error {
	owners, err := db.All[struct {
		ID, Username, Email string
	}](ctx, tx, `
		SELECT u.id, u.username, u.email FROM member m JOIN code_user u ON u.id = m.user_id
		WHERE m.workspace = $1 AND m.role = 'owner' ORDER BY u.id`, w.ID)
	if err != nil {
		return err
	}
	by := "somebody"
	for _, owner := range owners {
		if owner.ID == g.Actor().User {
			by = owner.Username
		}
	}
	for _, owner := range owners {
		if owner.Email == "" {
			continue
		}
		if err := s.Outbox.Enqueue(ctx, tx, mail.Message{
			To: owner.Email, Subject: "The workspace " + w.Name + " was deleted",
			Text: fmt.Sprintf("Hello,\n\n%s deleted the workspace %s (%s), of which you are an owner, with all of its repositories. "+
				"Its audit log is kept; ask whoever runs %s for it, or for a backup.\n", by, w.Name, w.Slug, s.URL),
		}); err != nil {
			return err
		}
	}
	return nil
}
