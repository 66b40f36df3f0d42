package activity

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
)

// Announce notes what happened, and tells whom it concerns, on their pages and
// by mail: those who are named, and whoever watches the repository. Issues have
// mails of their own, which hold what was said.
func (l *Log) Announce(ctx context.Context, tx *db.Tx, g access.Grant, h Happening, to ...Recipient) error {
	id, err := l.Note(ctx, tx, g, h)
	if err != nil {
		return err
	}
	reason := map[string]Reason{"code": Push, "wiki": Wiki}[h.Kind.content()]
	if reason != "" {
		watchers, err := l.Watchers(ctx, tx, g)
		if err != nil {
			return err
		}
		for _, user := range watchers {
			to = append(to, Recipient{user, reason})
		}
	}
	mailed, err := l.Tell(ctx, tx, g, id, to)
	if err != nil || len(mailed) == 0 {
		return err
	}
	event, err := db.One[Event](ctx, tx, `SELECT `+columns+` FROM event e `+joined+` WHERE e.id = $1`, id)
	if err != nil {
		return fmt.Errorf("mailing of an event: %w", err)
	}
	for _, r := range mailed {
		if err := l.mail(ctx, tx, event, r); err != nil {
			return fmt.Errorf("mailing of an event: %w", err)
		}
	}
	return nil
}

const (
	about       = "event " // begins what a mail of this package is about
	stopPurpose = "stop notices"
)

func (l *Log) mail(ctx context.Context, tx *db.Tx, e Event, to Recipient) error {
	address, err := db.One[string](ctx, tx, `SELECT email FROM code_user WHERE id = $1 AND email_proven AND email <> ''`, to.User)
	if errs.Is(err, errs.KindNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	why := "watch this repository"
	if to.Reason == Said {
		why = "wrote this snippet, or commented on it"
	} else if to.Reason == Mentioned {
		why = "are mentioned"
	}
	stop := l.stopLink(to)
	return l.Outbox.Enqueue(ctx, tx, mail.Message{
		To: address, Subject: "[" + e.Place() + "] " + e.By() + " " + e.Did() + " " + e.Thing(),
		Text: e.Sentence() + ".\n\n" + l.URL + e.Path() + "\n\n-- \nYou get this because you " + why + ". To get no more mails of this kind:\n" + stop +
			"\nWhat else you are told of: " + l.URL + "/account/settings/notifications/\n",
		About: about + e.ID + " " + to.User + " " + string(to.Reason), Unsubscribe: stop,
	})
}

// stopLink is the page on which a user says no to more mails for a reason. It
// does that alone, so its key never ends.
func (l *Log) stopLink(to Recipient) string {
	return l.URL + "/notifications/unsubscribe?" + url.Values{"user": {to.User}, "reason": {string(to.Reason)}, "key": {l.Box.Sign(stopPurpose, []byte(to.User+" "+string(to.Reason)))}}.Encode()
}

// Stop has a user mailed no more for a reason. The key, which a mail brought
// them, stands in for a grant: it shows nothing and does nothing else.
func (l *Log) Stop(ctx context.Context, user, reason, key string) error {
	if !slices.Contains(Reasons(), Reason(reason)) || !l.Box.Verify(stopPurpose, []byte(user+" "+reason), key) {
		return errs.NotFound("This link isn't whole. Copy all of it from the mail.")
	}
	_, err := db.Exec(ctx, l.DB, `INSERT INTO notice_choice (user_id, reason, page, mail) VALUES ($1, $2, TRUE, FALSE)
		ON CONFLICT (user_id, reason) DO UPDATE SET mail = FALSE`, user, reason)
	if err != nil {
		return fmt.Errorf("ending mails for a reason: %w", err)
	}
	return nil
}

// Mine reports whether a mail is about an event, for MayMail to judge.
func Mine(what string) bool { return strings.HasPrefix(what, about) }

// MayMail tells whether the recipient of a mail may still know of its event and
// wants to, at the moment when it is sent.
func (l *Log) MayMail(ctx context.Context, what string) (bool, error) {
	words := strings.Fields(strings.TrimPrefix(what, about))
	if len(words) != 3 {
		return false, nil
	}
	event, err := db.One[struct{ Workspace, Repository, Snippet, Content string }](ctx, l.DB, `
		SELECT w.slug, COALESCE(r.slug, ''), COALESCE(e.snippet, ''), e.content
		FROM event e JOIN workspace w ON w.id = e.workspace LEFT JOIN repository r ON r.id = e.repository WHERE e.id = $1`, words[0])
	if errs.Is(err, errs.KindNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading what a mail is about: %w", err)
	}
	choice, err := l.choice(ctx, l.DB, Recipient{words[1], Reason(words[2])})
	if err != nil || !choice.Mail {
		return false, err
	}
	action := map[string]access.Action{"code": access.ReadRepository, "wiki": access.ReadWiki, "issues": access.ReadIssues, "snippet": access.ReadSnippet}[event.Content]
	return l.MayKnow(ctx, words[1], access.Target{Workspace: event.Workspace, Repository: event.Repository, Snippet: event.Snippet}, action)
}

// MayKnow tells whether the gate would let a user read something now, by their
// factors and by what the browser that they used last has proven of their
// account, from nowhere: a workspace with allowed networks sends nothing out of
// them (decision 0029).
func (l *Log) MayKnow(ctx context.Context, user string, target access.Target, action access.Action) (bool, error) {
	last, err := db.All[struct {
		ACR, AMR string
		At       time.Time
	}](ctx, l.DB, `SELECT account_acr, account_amr, account_time FROM code_session WHERE user_id = $1 ORDER BY seen DESC, id DESC LIMIT 1`, user)
	if err != nil {
		return false, fmt.Errorf("reading what the recipient of a mail has proven: %w", err)
	}
	actor := access.Actor{Door: access.API, Credential: access.OAuthToken, User: user, Scopes: []access.Scope{action.Scope()}}
	for _, s := range last {
		actor.Account = access.Account{ACR: s.ACR, AMR: strings.Fields(s.AMR), AuthTime: s.At}
	}
	would, err := l.Gate.Explain(ctx, actor, target, action)
	return err == nil && would.Outcome == access.Allow, err
}
