package token

import (
	"context"
	"net/netip"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/request"
)

// event is that a token got a secret: its first one or another.
type event struct {
	of     holder
	by     string // user id, or "operator"
	from   netip.Addr
	entry  audit.Entry
	action string
	token  Token
}

// entryOf begins the audit entry of what a grant's actor does to a holder's tokens.
func entryOf(g access.Grant, h holder) audit.Entry {
	a := g.Actor()
	return audit.Entry{
		Realm: "code", Workspace: h.workspace, Actor: a.Who(), Credential: string(a.Credential), Address: request.AddressText(a.Address),
	}
}

// note adds to the audit log.
func (s *Service) note(ctx context.Context, tx *db.Tx, entry audit.Entry, action, id string, detail map[string]any) error {
	entry.Action, entry.Target, entry.Detail = action, id, detail
	return s.Audit.Append(ctx, tx, entry)
}

// tell mails and notes that a token got a secret.
func (s *Service) tell(ctx context.Context, tx *db.Tx, e event) error {
	if err := s.notice(ctx, tx, e); err != nil {
		return err
	}
	detail := map[string]any{
		"kind": e.of.kind, "of": e.of.id(), "name": e.token.Name, "scopes": joinScopes(e.token.Scopes), "expires": e.token.Expires,
	}
	return s.note(ctx, tx, e.entry, e.action, e.token.ID, detail)
}

func (s *Service) notice(ctx context.Context, tx *db.Tx, e event) error {
	what, place, link := "API token", "your profile in Code", "/account/settings/api-tokens/"
	if e.of.kind == access.FeedToken {
		what, link = "feed token", "/account/settings/feed-tokens/"
	} else if e.of.kind != access.APIToken {
		name, err := s.nameOf(ctx, tx, e.of)
		if err != nil {
			return err
		}
		what, place, link = "workspace access token", "the workspace "+name, "/"+name+"/workspace/settings/access-tokens"
		if e.of.kind == access.RepositoryToken {
			what, place, link = "repository access token", "the repository "+name, "/"+name+"/admin/access-tokens"
		}
	}
	subject, happened := "A new "+what+" was made", "was made for "+place
	if e.token.Rotated() {
		subject, happened = "A "+what+" got a new secret", "of "+place+" got a new secret; the old one no longer works"
		if e.of.kind == access.APIToken {
			subject = "An " + what + " got a new secret"
		}
	}
	does := "may do this: " + joinScopes(e.token.Scopes)
	if e.of.kind == access.FeedToken {
		does = "opens feeds alone"
	}
	text := "The " + what + " “" + e.token.Name + "” " + happened + ". It lasts until " + e.token.Expires.Format("2 January 2006") + " and " + does + "."
	if e.from.IsValid() {
		text += " It was done from the address " + e.from.String() + "."
	}
	to, err := s.recipients(ctx, tx, e.of)
	if err != nil {
		return err
	}
	for _, r := range to {
		if err := s.Outbox.Enqueue(ctx, tx, mail.Message{
			To: r.Email, Subject: subject,
			Text: "Hello " + r.Name + ",\n\n" + text + "\n\nIf you don't know of it, revoke it now at\n" + s.URL + link + "\n",
		}); err != nil {
			return err
		}
	}
	return nil
}
