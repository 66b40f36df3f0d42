package workspace

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/job"
	"sallyport.dev/internal/mail"
)

const (
	tellEvery  = time.Minute    // how often it is looked whether somebody is to be told
	countEvery = time.Hour      // how often those who are ready are counted
	lastNotice = 24 * time.Hour // before the end of a grace
	batch      = 200            // members in one transaction
)

// Jobs is the work that is done at intervals, on one node.
func (s *Service) Jobs() []job.Job {
	return []job.Job{
		{Name: "graces", Every: tellEvery, Do: s.TellGraces},
		{Name: "coverage", Every: countEvery, Do: s.CountReady},
	}
}

// Run tells members of a grace at once where it begins on this node, until ctx
// ends. What a crash leaves over, the job does.
func (s *Service) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.switched():
		}
		if err := s.TellGraces(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "telling of a grace; it is tried again", "err", err)
		}
	}
}

// switched is signalled where a grace begins on this node.
func (s *Service) switched() chan struct{} {
	s.once.Do(func() { s.began = make(chan struct{}, 1) })
	return s.began
}

func (s *Service) wake() {
	select {
	case s.switched() <- struct{}{}:
	default: // it is about to look anyway
	}
}

// grace is one that runs.
type grace struct {
	ID, Slug, Name    string
	At, From          time.Time // switched on; in force
	AcceptAccount     bool
	PhishingResistant bool
}

func (g *grace) policy() access.Policy {
	return access.Policy{RequireTwoStep: true, AcceptAccountMFA: g.AcceptAccount, PhishingResistant: g.PhishingResistant}
}

// due gives when the last notice was due: at switching, half-way, and a day
// before the end.
func (g *grace) due(now time.Time) time.Time {
	last := g.At
	for _, at := range []time.Time{g.At.Add(g.From.Sub(g.At) / 2), g.From.Add(-lastNotice)} {
		if at.After(last) && !at.After(now) {
			last = at
		}
	}
	return last
}

// TellGraces mails the members who aren't ready for a grace that runs, once at
// each of its three times. Who joins meanwhile is told then.
func (s *Service) TellGraces(ctx context.Context) error {
	now := s.Clock()
	running, err := db.All[grace](ctx, s.DB, `
		SELECT id, slug, name, required_at, require_from, accept_account, phishing_resistant
		FROM workspace WHERE require_two_step AND require_from > $1`, now)
	if err != nil {
		return fmt.Errorf("reading the graces: %w", err)
	}
	for i := range running {
		if err := s.tellAll(ctx, &running[i], running[i].due(now)); err != nil {
			return fmt.Errorf("telling the members of %s: %w", running[i].Slug, err)
		}
	}
	return nil
}

func (s *Service) tellAll(ctx context.Context, g *grace, due time.Time) error {
	for after, left := "", true; left; {
		// Most of the time nobody is left to be told.
		untold, err := db.One[bool](ctx, s.DB, `
			SELECT EXISTS (SELECT 1 FROM member m JOIN code_user u ON u.id = m.user_id
			WHERE m.workspace = $1 AND m.told < $2 AND NOT u.suspended AND u.username > $3)`, g.ID, due, after)
		if err != nil || !untold {
			return err
		}
		members, err := access.Members(ctx, s.DB, g.ID, after, batch)
		if err != nil {
			return err
		}
		if err := s.tellSome(ctx, g, members, due); err != nil {
			return err
		}
		if left = len(members) == batch; left {
			after = members[batch-1].Username
		}
	}
	return nil
}

// tellSome marks members as told, and mails those who aren't ready. One
// statement decides for each, in the transaction of the mail: so one node does.
func (s *Service) tellSome(ctx context.Context, g *grace, members []access.MemberFacts, due time.Time) error {
	return s.DB.InTx(ctx, func(tx *db.Tx) error {
		for i := range members {
			m := &members[i]
			won, err := db.Exec(ctx, tx, `
				UPDATE member SET told = $3 WHERE workspace = $1 AND user_id = $2 AND told < $3
				AND EXISTS (SELECT 1 FROM workspace WHERE id = $1 AND require_two_step AND require_from = $4)`, g.ID, m.User, due, g.From)
			if err != nil {
				return err
			}
			standing := m.Standing(g.policy())
			if won == 0 || standing == access.Allow || m.Email == "" {
				continue
			}
			if err := s.Outbox.Enqueue(ctx, tx, s.graceMail(g, m, standing)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) graceMail(g *grace, m *access.MemberFacts, standing access.Outcome) mail.Message {
	from := g.From.UTC().Format("2 January 2006, 15:04 UTC")
	return mail.Message{
		To:      m.Email,
		Subject: g.Name + " will require two-step verification from " + g.From.UTC().Format("2 January 2006") + " on",
		Text: fmt.Sprintf("Hello %s,\n\nfrom %s on, what is private in the workspace %s (%s) opens only with two-step verification of Code: in the browser, over the API and with git. %s\n\n%s\n\n"+
			"How you sign in to your account stays as it is.\n", m.Name, from, g.Name, g.Slug, lacks(standing), s.fix(standing)),
	}
}

// lacks says to somebody what they aren't ready in.
func lacks(standing access.Outcome) string {
	if standing == access.Strengthen {
		return "There it must be a security key or passkey, and yours is an app."
	}
	return "Yours isn't on yet."
}

// fix says to somebody how to become ready.
func (s *Service) fix(standing access.Outcome) string {
	at := s.URL + "/account/settings/two-step-verification/"
	if standing == access.Strengthen {
		return "Add a security key or passkey here:\n" + at
	}
	return "It takes about a minute to set up, here:\n" + at
}
