package repo

import (
	"context"
	"fmt"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

// SetWiki switches the repository's wiki on or off and says who reads it. What
// was written stays while it is off. It wants a grant for SetVisibility.
func (s *Service) SetWiki(ctx context.Context, g access.Grant, to access.Feature) error {
	return s.setFeature(ctx, g, "wiki.changed", g.Repository().Wiki, to, `UPDATE repository SET has_wiki = $1, wiki_public = $2 WHERE id = $3`)
}

// SetIssues does the same with the repository's issue tracker.
func (s *Service) SetIssues(ctx context.Context, g access.Grant, to access.Feature) error {
	return s.setFeature(ctx, g, "issues.changed", g.Repository().Issues, to, `UPDATE repository SET has_issues = $1, issues_public = $2 WHERE id = $3`)
}

func (s *Service) setFeature(ctx context.Context, g access.Grant, action string, from, to access.Feature, statement string) error {
	if err := g.Require(access.SetVisibility); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.mayBePublic(ctx, tx, g, to.Public); err != nil || to == from {
			return err
		}
		if _, err := db.Exec(ctx, tx, statement, to.On, to.Public, g.Repository().ID); err != nil {
			return err
		}
		return s.note(ctx, tx, g, action, g.Repository().ID, map[string]any{
			"slug": g.Repository().Slug,
			"from": map[string]any{"on": from.On, "public": from.Public}, "to": map[string]any{"on": to.On, "public": to.Public},
		})
	})
	if err != nil {
		return fmt.Errorf("changing what a repository has: %w", err)
	}
	return nil
}
