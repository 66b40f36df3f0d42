package repo

import (
	"context"
	"fmt"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// SetWiki switches the repository's wiki on or off and says who reads it. What
// was written stays while it is off. It wants a grant for SetVisibility.
func (s *Service) SetWiki(ctx context.Context, g access.Grant, to access.Feature) error {
	if err := g.Require(access.SetVisibility); err != nil {
		return err
	}
	from := g.Repository().Wiki
	if to.Public && g.Workspace().Policy.NoPublic {
		return errs.Invalid("visibility", "This workspace allows no public content.")
	}
	if to == from {
		return nil
	}
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := db.Exec(ctx, tx, `UPDATE repository SET has_wiki = $1, wiki_public = $2 WHERE id = $3`, to.On, to.Public, g.Repository().ID)
		if err != nil {
			return fmt.Errorf("changing a wiki's settings: %w", err)
		}
		actor := g.Actor()
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Workspace: g.Workspace().ID, Actor: actor.User, Credential: string(actor.Credential),
			Address: actor.Address.String(), Action: "wiki.changed", Target: g.Repository().ID,
			Detail: map[string]any{
				"slug": g.Repository().Slug,
				"from": map[string]any{"on": from.On, "public": from.Public}, "to": map[string]any{"on": to.On, "public": to.Public},
			},
		})
	})
}
