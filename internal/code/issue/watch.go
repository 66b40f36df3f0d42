package issue

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
)

const (
	maxWatchers = 500 // who are told at once
	maxMentions = 20  // in one text
	maxMailed   = 4000
)

// Watching reports whether the grant's actor is told of what happens to an issue.
func (s *Service) Watching(ctx context.Context, g access.Grant, i Issue) (bool, error) {
	if err := g.Require(reading...); err != nil {
		return false, err
	}
	return db.One[bool](ctx, s.DB, `SELECT EXISTS (SELECT 1 FROM issue_watch WHERE issue = $1 AND user_id = $2 AND watching)`, i.ID, g.Actor().User)
}

// Watch has the actor told of what happens to an issue, or no longer. It wants
// a grant for RaiseIssues or WriteIssues.
func (s *Service) Watch(ctx context.Context, g access.Grant, number int64, on bool) error {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return err
	}
	if g.Actor().User == "" {
		return errNoPerson
	}
	i, err := s.get(ctx, s.DB, g, number)
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, s.DB, `INSERT INTO issue_watch (issue, user_id, watching) VALUES ($1, $2, $3)
		ON CONFLICT (issue, user_id) DO UPDATE SET watching = EXCLUDED.watching`, i.ID, g.Actor().User, on)
	if err != nil {
		return fmt.Errorf("watching an issue: %w", err)
	}
	return nil
}

// Member gives whether a username is that of a member who may read, for links
// in texts; strangers at a public tracker are told of none.
func (s *Service) Member(ctx context.Context, g access.Grant, username string) (bool, error) {
	if err := g.Require(reading...); err != nil || g.Repository().Permission == access.None {
		return false, err
	}
	_, err := s.assignable(ctx, s.DB, g, strings.ToLower(username), false)
	if errs.Is(err, errs.KindInvalid) {
		return false, nil
	}
	return err == nil, err
}

var mention = regexp.MustCompile(`(?:^|[^\w@/.-])@([A-Za-z0-9][A-Za-z0-9_-]{1,38})`)

// joins has those watch an issue who have to do with it, but for those who
// have said no: the actor, who it is given to, and who is mentioned in a text
// and may read it.
func (s *Service) joins(ctx context.Context, tx *db.Tx, g access.Grant, i Issue, text string) error {
	ids := []string{g.Actor().User, i.Assignee.ID}
	for _, found := range mention.FindAllStringSubmatch(text, maxMentions) {
		id, err := s.assignable(ctx, tx, g, strings.ToLower(found[1]), false)
		switch {
		case err == nil:
			ids = append(ids, *id)
		case !errs.Is(err, errs.KindInvalid):
			return err
		}
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		if _, err := db.Exec(ctx, tx, `INSERT INTO issue_watch (issue, user_id, watching) VALUES ($1, $2, TRUE) ON CONFLICT (issue, user_id) DO NOTHING`, i.ID, id); err != nil {
			return err
		}
	}
	return nil
}

// tell notes what happened to an issue, and mails it to everybody who watches
// the issue but the actor. Whether each may still read it is judged when their
// mail is sent.
func (s *Service) tell(ctx context.Context, tx *db.Tx, g access.Grant, i Issue, h activity.Happening, what, text string) error {
	h.Issue = i.ID
	if _, err := s.Events.Note(ctx, tx, g, h); err != nil {
		return err
	}
	if err := s.joins(ctx, tx, g, i, text); err != nil {
		return err
	}
	type watcher struct{ ID, Email string }
	watchers, err := db.All[watcher](ctx, tx, `
		SELECT u.id, u.email FROM issue_watch iw JOIN code_user u ON u.id = iw.user_id
		WHERE iw.issue = $1 AND iw.watching AND u.id <> $2 AND NOT u.suspended AND u.email_proven AND u.email <> '' ORDER BY u.id LIMIT $3`,
		i.ID, g.Actor().User, maxWatchers)
	if err != nil || len(watchers) == 0 {
		return err
	}
	who := "Somebody's access token"
	if user := g.Actor().User; user != "" {
		if who, err = db.One[string](ctx, tx, `SELECT COALESCE(NULLIF(name, ''), username) FROM code_user WHERE id = $1`, user); err != nil {
			return err
		}
	}
	if len(text) > maxMailed {
		text = strings.ToValidUTF8(text[:maxMailed], "") + "…"
	}
	if text != "" {
		text += "\n\n"
	}
	name := g.Workspace().Slug + "/" + g.Repository().Slug
	for _, w := range watchers {
		leave := s.leaveLink(i.ID, w.ID)
		err := s.Outbox.Enqueue(ctx, tx, mail.Message{
			To: w.Email, Subject: fmt.Sprintf("[%s] #%d %s", name, i.Number, i.Title),
			Text:  who + " " + what + "\n\n" + text + fmt.Sprintf("%s/%s/issues/%d\n\n-- \nYou get this because you watch this issue. To get no more of it:\n%s\n", s.URL, name, i.Number, leave),
			About: about + i.ID + " " + w.ID, Unsubscribe: leave,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	about        = "issue " // begins what a mail of this room is about
	leavePurpose = "leave issue"
)

// leaveLink is the page on which a user says no to more mails about an issue.
// It does that alone, so its key never ends.
func (s *Service) leaveLink(id, user string) string {
	return s.URL + "/issues/unsubscribe?" + url.Values{"issue": {id}, "user": {user}, "key": {s.Box.Sign(leavePurpose, []byte(id+" "+user))}}.Encode()
}

// Leave has a user told no more of an issue. The key, which a mail brought
// them, stands in for a grant: it shows nothing and does nothing else.
func (s *Service) Leave(ctx context.Context, id, user, key string) error {
	if !s.Box.Verify(leavePurpose, []byte(id+" "+user), key) {
		return errs.NotFound("This link isn't whole. Copy all of it from the mail.")
	}
	_, err := db.Exec(ctx, s.DB, `UPDATE issue_watch SET watching = FALSE WHERE issue = $1 AND user_id = $2`, id, user)
	if err != nil {
		return fmt.Errorf("ending mails about an issue: %w", err)
	}
	return nil
}

// MayMail tells whether the recipient of a mail may still know of its issue:
// it is there, they watch it, and the gate would let them read it now by what
// the browser that they used last has proven of their account, and by their
// factors. A workspace with allowed networks sends nothing out of them
// (decision 0029).
func (s *Service) MayMail(ctx context.Context, what string) (bool, error) {
	id, user, _ := strings.Cut(strings.TrimPrefix(what, about), " ")
	type row struct {
		Workspace, Repository, ACR, AMR string
		At                              time.Time
	}
	f, err := db.One[row](ctx, s.DB, `
		SELECT w.slug, r.slug, COALESCE(cs.account_acr, ''), COALESCE(cs.account_amr, ''), COALESCE(cs.account_time, 0)
		FROM issue i JOIN repository r ON r.id = i.repository JOIN workspace w ON w.id = r.workspace
		JOIN issue_watch iw ON iw.issue = i.id AND iw.user_id = $2 AND iw.watching
		LEFT JOIN code_session cs ON cs.id = (SELECT l.id FROM code_session l WHERE l.user_id = $2 ORDER BY l.seen DESC, l.id DESC LIMIT 1)
		WHERE i.id = $1`, id, user)
	if errs.Is(err, errs.KindNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading what a mail is about: %w", err)
	}
	actor := access.Actor{Door: access.API, Credential: access.OAuthToken, User: user, Scopes: []access.Scope{access.ScopeReadIssue}}
	actor.Account = access.Account{ACR: f.ACR, AMR: strings.Fields(f.AMR), AuthTime: f.At}
	would, err := s.Gate.Explain(ctx, actor, access.Target{Workspace: f.Workspace, Repository: f.Repository}, access.ReadIssues)
	return err == nil && would.Outcome == access.Allow, err
}
