package issue

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
)

const (
	maxWatchers = 500 // who are told at once
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

// joins has those watch an issue who have to do with it, but for those who
// have said no: the actor, who it is given to, and who is mentioned in a text
// and may read it.
// Of a new issue, also who watches the repository. It gives who is mentioned.
func (s *Service) joins(ctx context.Context, tx *db.Tx, g access.Grant, i Issue, h activity.Happening, text string) (mentioned []string, err error) {
	for _, name := range activity.Mentions(text) {
		id, err := s.assignable(ctx, tx, g, name, false)
		switch {
		case err == nil:
			mentioned = append(mentioned, *id)
		case !errs.Is(err, errs.KindInvalid):
			return nil, err
		}
	}
	ids := append([]string{g.Actor().User, i.Assignee.ID}, mentioned...)
	if h.Kind == activity.IssueRaised {
		watchers, err := s.Events.Watchers(ctx, tx, g)
		if err != nil {
			return nil, err
		}
		ids = append(ids, watchers...)
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		if _, err := db.Exec(ctx, tx, `INSERT INTO issue_watch (issue, user_id, watching) VALUES ($1, $2, TRUE) ON CONFLICT (issue, user_id) DO NOTHING`, i.ID, id); err != nil {
			return nil, err
		}
	}
	return mentioned, nil
}

// tell notes what happened to an issue and tells everybody who watches it but
// the actor, as each of them wants. Whether they may still read it is judged when
// they look, and when their mail is sent.
func (s *Service) tell(ctx context.Context, tx *db.Tx, g access.Grant, i Issue, h activity.Happening, what, text string) error {
	h.Issue = i.ID
	event, err := s.Events.Note(ctx, tx, g, h)
	if err != nil {
		return err
	}
	mentioned, err := s.joins(ctx, tx, g, i, h, text)
	if err != nil {
		return err
	}
	watchers, err := db.All[string](ctx, tx, `SELECT u.id FROM issue_watch iw JOIN code_user u ON u.id = iw.user_id
		WHERE iw.issue = $1 AND iw.watching AND u.id <> $2 AND NOT u.suspended ORDER BY u.id LIMIT $3`, i.ID, g.Actor().User, maxWatchers)
	if err != nil {
		return err
	}
	var to []activity.Recipient
	for _, user := range watchers {
		to = append(to, activity.Recipient{User: user, Reason: reason(user, i, h, mentioned)})
	}
	mailed, err := s.Events.Tell(ctx, tx, g, event, to)
	if err != nil || len(mailed) == 0 {
		return err
	}
	return s.mail(ctx, tx, g, i, mailed, what, text)
}

// reason is why a watcher is told.
func reason(user string, i Issue, h activity.Happening, mentioned []string) activity.Reason {
	given := h.Kind == activity.IssueRaised || h.Kind == activity.IssueChanged && slices.Contains(strings.Split(h.Detail, ", "), "assignee")
	switch {
	case slices.Contains(mentioned, user):
		return activity.Mentioned
	case given && i.Assignee.ID == user:
		return activity.Assigned
	default:
		return activity.Issue
	}
}

// mail tells those by mail who want that and have an address.
func (s *Service) mail(ctx context.Context, tx *db.Tx, g access.Grant, i Issue, to []activity.Recipient, what, text string) error {
	var err error
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
	for _, r := range to {
		address, err := db.One[string](ctx, tx, `SELECT email FROM code_user WHERE id = $1 AND email_proven AND email <> ''`, r.User)
		if errs.Is(err, errs.KindNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		leave := s.leaveLink(i.ID, r.User)
		err = s.Outbox.Enqueue(ctx, tx, mail.Message{
			To: address, Subject: fmt.Sprintf("[%s] #%d %s", name, i.Number, i.Title),
			Text:  who + " " + what + "\n\n" + text + fmt.Sprintf("%s/%s/issues/%d\n\n-- \nYou get this because you watch this issue. To get no more of it:\n%s\n", s.URL, name, i.Number, leave),
			About: about + i.ID + " " + r.User, Unsubscribe: leave,
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
// it is there, they watch it, and the gate would let them read it now (decision
// 0029).
func (s *Service) MayMail(ctx context.Context, what string) (bool, error) {
	id, user, _ := strings.Cut(strings.TrimPrefix(what, about), " ")
	f, err := db.One[struct{ Workspace, Repository string }](ctx, s.DB, `
		SELECT w.slug, r.slug FROM issue i JOIN repository r ON r.id = i.repository JOIN workspace w ON w.id = r.workspace
		JOIN issue_watch iw ON iw.issue = i.id AND iw.user_id = $2 AND iw.watching
		WHERE i.id = $1`, id, user)
	if errs.Is(err, errs.KindNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading what a mail is about: %w", err)
	}
	return s.Events.MayKnow(ctx, user, access.Target{Workspace: f.Workspace, Repository: f.Repository}, access.ReadIssues)
}
