package workspace

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

// Coverage is how many members have what two-step verification asks for here.
type Coverage struct {
	Ready, Enrol, Strengthen int
	Days                     []CoverageDay // what was counted lately, oldest first
}

// Total is how many members there are.
func (c Coverage) Total() int { return c.Ready + c.Enrol + c.Strengthen }

// Waiting is how many aren't ready.
func (c Coverage) Waiting() int { return c.Enrol + c.Strengthen }

// CoverageDay is how many were ready on a day.
type CoverageDay struct {
	Day          int64 // since 1970, UTC
	Ready, Total int
}

// coverageDays is how far back coverage is told.
const coverageDays = 90

// Coverage counts who is ready now, and tells how it came there. It needs
// access.ReadAccess or access.ManageAccess.
func (s *Service) Coverage(ctx context.Context, g access.Grant) (Coverage, error) {
	if err := g.Require(access.ReadAccess, access.ManageAccess); err != nil {
		return Coverage{}, err
	}
	out, err := s.count(ctx, g.Workspace().ID, g.Workspace().Policy)
	if err != nil {
		return Coverage{}, fmt.Errorf("counting who is ready: %w", err)
	}
	out.Days, err = db.All[CoverageDay](ctx, s.DB, `
		SELECT day, ready, total FROM coverage WHERE workspace = $1 AND day > $2 ORDER BY day`, g.Workspace().ID, dayOf(s.Clock())-coverageDays)
	if err != nil {
		return Coverage{}, fmt.Errorf("reading who was ready: %w", err)
	}
	return out, nil
}

func dayOf(t time.Time) int64 { return t.Unix() / 86400 }

// count goes through the members, some at a time.
func (s *Service) count(ctx context.Context, id string, policy access.Policy) (Coverage, error) {
	var out Coverage
	const some = 1000
	for after := ""; ; {
		members, err := access.Members(ctx, s.DB, id, after, some)
		if err != nil {
			return out, err
		}
		for i := range members {
			switch members[i].Standing(policy) {
			case access.Allow:
				out.Ready++
			case access.Strengthen:
				out.Strengthen++
			default:
				out.Enrol++
			}
		}
		if len(members) < some {
			return out, nil
		}
		after = members[some-1].Username
	}
}

// CountReady keeps how many members of each workspace are ready today, and
// drops the days that are no longer told.
func (s *Service) CountReady(ctx context.Context) error {
	all, err := s.All(ctx)
	if err != nil {
		return err
	}
	day := dayOf(s.Clock())
	for _, w := range all {
		c, err := s.count(ctx, w.ID, w.Policy)
		if err != nil {
			return fmt.Errorf("counting who is ready in %s: %w", w.Slug, err)
		}
		// The workspace may have been deleted meanwhile.
		_, err = db.Exec(ctx, s.DB, `
			INSERT INTO coverage (workspace, day, ready, total) SELECT id, $2, $3, $4 FROM workspace WHERE id = $1
			ON CONFLICT (workspace, day) DO UPDATE SET ready = excluded.ready, total = excluded.total`, w.ID, day, c.Ready, c.Total())
		if err != nil {
			return fmt.Errorf("keeping who is ready in %s: %w", w.Slug, err)
		}
	}
	if _, err := db.Exec(ctx, s.DB, `DELETE FROM coverage WHERE day <= $1`, day-coverageDays); err != nil {
		return fmt.Errorf("dropping what coverage no longer tells: %w", err)
	}
	return nil
}
