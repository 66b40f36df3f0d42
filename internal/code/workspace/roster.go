package workspace

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
)

// remindEvery is how often one member can be reminded.
const remindEvery = 24 * time.Hour

// Standing is a member and where they stand with two-step verification here.
// For others than owners, all but the member is left empty.
type Standing struct {
	Member
	Standing access.Outcome // Allow: ready; Enrol; Strengthen
	Factors  access.Factors
	LastUse  time.Time // of something private here, by any door; zero: never
}

// Filter chooses and pages members.
type Filter struct {
	Query   string         // in the username, name or, for owners, email; empty: all
	Waiting bool           // only those who aren't ready; for owners
	After   string         // username to go on from
	Limit   int            // at most so many
	Only    access.Outcome // of Standing; empty: any; for owners
}

// Roster lists members by username, and the username to go on from where there
// are more. It needs access.ReadMembers, ManageMembers, ReadAccess or ManageAccess.
func (s *Service) Roster(ctx context.Context, g access.Grant, f Filter) (list []Standing, next string, err error) {
	if err := g.Require(access.ReadMembers, access.ManageMembers, access.ReadAccess, access.ManageAccess); err != nil {
		return nil, "", err
	}
	const some = 500
	owner := g.Workspace().Role == access.Owner
	for after := f.After; ; {
		members, err := access.Members(ctx, s.DB, g.Workspace().ID, after, some)
		if err != nil {
			return nil, "", fmt.Errorf("listing members: %w", err)
		}
		for i := range members {
			line := standingOf(&members[i], g.Workspace().Policy, owner)
			if !f.admits(&line, owner) {
				continue
			}
			if len(list) == f.Limit {
				return list, list[f.Limit-1].Username, nil
			}
			if owner {
				if line.LastUse, err = s.lastUse(ctx, g.Workspace().ID, line.User); err != nil {
					return nil, "", fmt.Errorf("listing members: %w", err)
				}
			}
			list = append(list, line)
		}
		if len(members) < some {
			return list, "", nil
		}
		after = members[some-1].Username
	}
}

func standingOf(m *access.MemberFacts, p access.Policy, owner bool) Standing {
	line := Standing{Member: Member{User: m.User, Username: m.Username, Name: m.Name, Role: m.Role, Since: m.Since}}
	if owner {
		line.Email, line.Factors, line.Standing = m.Email, m.Factors, m.Standing(p)
	}
	return line
}

func (f *Filter) admits(line *Standing, owner bool) bool {
	query := strings.ToLower(strings.TrimSpace(f.Query))
	found := query == ""
	for _, text := range []string{line.Username, line.Name, line.Email} {
		found = found || strings.Contains(strings.ToLower(text), query)
	}
	if owner && (f.Waiting && line.Standing == access.Allow || f.Only != "" && line.Standing != f.Only) {
		return false
	}
	return found
}

func (s *Service) lastUse(ctx context.Context, workspace, user string) (time.Time, error) {
	return db.One[time.Time](ctx, s.DB, `
		SELECT COALESCE(MAX(last), 0) FROM access_record WHERE workspace = $1 AND user_id = $2 AND outcome = 'allow'`, workspace, user)
}

// Remind mails the members who aren't ready, and gives how many. Each is
// reminded once a day at most; where that leaves nobody, it is of kind TooMany.
// It needs access.ManageMembers.
func (s *Service) Remind(ctx context.Context, g access.Grant) (int, error) {
	if err := g.Require(access.ManageMembers); err != nil {
		return 0, err
	}
	now, reminded, waiting := s.Clock(), 0, 0
	for after := ""; ; {
		members, err := access.Members(ctx, s.DB, g.Workspace().ID, after, batch)
		if err != nil {
			return 0, fmt.Errorf("reminding: %w", err)
		}
		told, lacking, err := s.remindSome(ctx, g, members, now)
		if err != nil {
			return reminded, fmt.Errorf("reminding: %w", err)
		}
		reminded, waiting = reminded+told, waiting+lacking
		if len(members) < batch {
			break
		}
		after = members[batch-1].Username
	}
	if reminded == 0 && waiting > 0 {
		return 0, errs.TooMany(remindEvery, "Everyone who isn't ready was reminded within the last day. Try again tomorrow.")
	}
	return reminded, nil
}

func (s *Service) remindSome(ctx context.Context, g access.Grant, members []access.MemberFacts, now time.Time) (told, waiting int, err error) {
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		told, waiting = 0, 0
		for i := range members {
			m := &members[i]
			standing := m.Standing(g.Workspace().Policy)
			if standing == access.Allow || m.User == g.Actor().User || m.Email == "" {
				continue
			}
			waiting++
			won, err := db.Exec(ctx, tx, `UPDATE member SET reminded = $3 WHERE workspace = $1 AND user_id = $2 AND reminded <= $4`,
				g.Workspace().ID, m.User, now, now.Add(-remindEvery))
			if err != nil {
				return err
			}
			if won == 0 {
				continue
			}
			told++
			if err := s.Outbox.Enqueue(ctx, tx, s.reminder(g, m, standing)); err != nil {
				return err
			}
		}
		if told == 0 {
			return nil
		}
		return s.note(ctx, tx, g, g.Workspace().ID, "members.reminded", g.Workspace().ID, map[string]any{"members": told})
	})
	return told, waiting, err
}

func (s *Service) reminder(g access.Grant, m *access.MemberFacts, standing access.Outcome) mail.Message {
	w, rule := g.Workspace(), "asks its members for two-step verification of Code."
	switch from := w.Policy.RequireFrom; {
	case !w.Policy.RequireTwoStep:
	case from.After(s.Clock()):
		rule = "will require two-step verification of Code from " + from.UTC().Format("2 January 2006, 15:04 UTC") + " on."
	default:
		rule = "requires two-step verification of Code: until you have it, what is private there stays closed to you."
	}
	return mail.Message{
		To:      m.Email,
		Subject: "Two-step verification for " + w.Name,
		Text: fmt.Sprintf("Hello %s,\n\nan owner of the workspace %s (%s) reminds you: it %s %s\n\n%s\n\nHow you sign in to your account stays as it is.\n",
			m.Name, w.Name, w.Slug, rule, lacks(standing), s.fix(standing)),
	}
}
