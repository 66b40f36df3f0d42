package token

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/secret"
)

const (
	usual   = 90 * 24 * time.Hour
	most    = 366 * 24 * time.Hour // a year, leap years too
	maxName = 100                  // characters
	maxEach = 200                  // tokens of one holder
)

// Service keeps the tokens. Run must run while it is used.
type Service struct {
	DB     *db.DB
	Clock  clock.Clock
	Audit  *audit.Log
	Outbox *mail.Outbox
	URL    string // Code's address, without a slash at the end, for links in mails

	// Introspect asks the issuer what an access token of its own is worth now; of
	// kind NotFound where it is worth nothing here. Nil: there is no such issuer.
	Introspect func(ctx context.Context, token string) (OAuth, error)

	uses uses
}

// Token is one, without the secret itself.
type Token struct {
	ID       string
	Name     string
	Scopes   []access.Scope
	By       string // who made it, by username; "operator" for the command line
	Created  time.Time
	Issued   time.Time // when its present secret was made
	Expires  time.Time
	LastUsed time.Time // zero: never; some seconds late
	LastFrom string
}

// Expired reports whether the token is over.
func (t Token) Expired(now time.Time) bool { return !now.Before(t.Expires) }

// Rotated reports whether the secret isn't the first one.
func (t Token) Rotated() bool { return t.Issued.After(t.Created) }

// Input is what a new token shall be.
type Input struct {
	Name    string
	Scopes  []access.Scope
	Expires time.Time // zero: in 90 days; a year from now at the latest
}

// prefixOf begins each token of a kind, so that scanners find lost ones.
func prefixOf(kind access.Credential) string {
	switch kind {
	case access.WorkspaceToken:
		return "spw_"
	case access.RepositoryToken:
		return "spr_"
	case access.FeedToken:
		return "spf_"
	default:
		return "spt_"
	}
}

// looksLikeToken reports whether text is of the kinds that Code gives out.
func looksLikeToken(text string) bool {
	for _, kind := range []access.Credential{access.APIToken, access.WorkspaceToken, access.RepositoryToken, access.FeedToken} {
		if strings.HasPrefix(text, prefixOf(kind)) {
			return true
		}
	}
	return false
}

// holder is what tokens belong to: a person, a workspace, or a repository of one.
type holder struct {
	kind                        access.Credential
	user, workspace, repository string // ids
}

func (h holder) id() string {
	switch h.kind {
	case access.WorkspaceToken:
		return h.workspace
	case access.RepositoryToken:
		return h.repository
	default:
		return h.user
	}
}

// managed gives whose tokens a grant lets its actor manage.
func managed(g access.Grant) (holder, error) {
	return holderOf(g), g.Require(access.ManageTokens, access.ManageFeedTokens, access.ManageWorkspaceTokens, access.ManageRepositoryTokens)
}

func holderOf(g access.Grant) holder {
	switch g.Action().Content() {
	case access.Workspace:
		return holder{kind: access.WorkspaceToken, workspace: g.Workspace().ID}
	case access.Repository:
		return holder{kind: access.RepositoryToken, workspace: g.Workspace().ID, repository: g.Repository().ID}
	}
	kind := access.APIToken
	if a := g.Action(); a == access.ReadFeedTokens || a == access.ManageFeedTokens {
		kind = access.FeedToken
	}
	return holder{kind: kind, user: g.Actor().User}
}

// List gives the tokens that the grant is about, newest first, expired ones
// too. Besides the actions that manage them, access.ReadSelf,
// access.ReadWorkspaceTokens and access.ReadRepositoryTokens will do.
func (s *Service) List(ctx context.Context, g access.Grant) ([]Token, error) {
	if err := g.Require(access.ReadSelf, access.ManageTokens, access.ReadFeedTokens, access.ManageFeedTokens, access.ReadWorkspaceTokens, access.ManageWorkspaceTokens,
		access.ReadRepositoryTokens, access.ManageRepositoryTokens); err != nil {
		return nil, err
	}
	tokens, err := s.list(ctx, holderOf(g))
	if err != nil {
		return nil, fmt.Errorf("listing tokens: %w", err)
	}
	return tokens, nil
}

// Create makes a token. The secret is for the actor alone, once. It is of kind
// Invalid for "name", "scopes" or "expires", and Conflict where there are too many.
func (s *Service) Create(ctx context.Context, g access.Grant, in Input) (Token, secret.String, error) {
	h, err := managed(g)
	if err != nil {
		return Token{}, secret.String{}, err
	}
	return s.create(ctx, h, in, event{of: h, by: g.Actor().User, from: g.Actor().Address, entry: entryOf(g, h)})
}

// CreateFor makes an API token for a user. It is the operator's, who has the
// database anyway.
func (s *Service) CreateFor(ctx context.Context, username string, in Input) (Token, secret.String, error) {
	id, err := s.userID(ctx, username)
	if errs.Is(err, errs.KindNotFound) {
		return Token{}, secret.String{}, errs.NotFound("There is no user %q.", username)
	}
	if err != nil {
		return Token{}, secret.String{}, fmt.Errorf("making a token: %w", err)
	}
	h := holder{kind: access.APIToken, user: id}
	return s.create(ctx, h, in, event{of: h, by: "operator", entry: audit.Entry{Realm: "code", Actor: "operator"}})
}

func (s *Service) create(ctx context.Context, h holder, in Input, e event) (Token, secret.String, error) {
	t, err := in.check(h.kind, s.Clock())
	if err != nil {
		return Token{}, secret.String{}, err
	}
	t.By = e.by
	plain, hash := secret.Token(prefixOf(h.kind))
	e.action, e.token = "token.created", t
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.insert(ctx, tx, h, t, hash); err != nil {
			return err
		}
		return s.tell(ctx, tx, e)
	})
	if err != nil {
		return Token{}, secret.String{}, fmt.Errorf("making a token: %w", err)
	}
	return t, plain, nil
}

// Rotate gives a token a new secret, which lasts as long as the first one was
// to; the old one stops at once. Name and scopes stay. It is of kind NotFound
// where there is no such token.
func (s *Service) Rotate(ctx context.Context, g access.Grant, id string) (Token, secret.String, error) {
	h, err := managed(g)
	if err != nil {
		return Token{}, secret.String{}, err
	}
	plain, hash := secret.Token(prefixOf(h.kind))
	var t Token
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if t, err = s.rotate(ctx, tx, h, id, hash, s.Clock()); err != nil {
			return absent(err)
		}
		return s.tell(ctx, tx, event{
			of: h, by: g.Actor().User, from: g.Actor().Address, entry: entryOf(g, h), action: "token.rotated", token: t,
		})
	})
	if err != nil {
		return Token{}, secret.String{}, fmt.Errorf("rotating a token: %w", err)
	}
	return t, plain, nil
}

// Rename gives a token another name. It is of kind Invalid for "name", and
// NotFound where there is no such token.
func (s *Service) Rename(ctx context.Context, g access.Grant, id, name string) error {
	h, err := managed(g)
	if err != nil {
		return err
	}
	if name, err = cleanName(name); err != nil {
		return err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		from, err := s.rename(ctx, tx, h, id, name)
		if err != nil {
			return absent(err)
		}
		return s.note(ctx, tx, entryOf(g, h), "token.renamed", id, map[string]any{"from": from, "to": name})
	})
	if err != nil {
		return fmt.Errorf("renaming a token: %w", err)
	}
	return nil
}

// Revoke ends a token at once. It is of kind NotFound where there is no such
// token.
func (s *Service) Revoke(ctx context.Context, g access.Grant, id string) error {
	h, err := managed(g)
	if err != nil {
		return err
	}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		name, err := s.delete(ctx, tx, h, id)
		if err != nil {
			return absent(err)
		}
		return s.note(ctx, tx, entryOf(g, h), "token.revoked", id, map[string]any{"kind": h.kind, "name": name})
	})
	if err != nil {
		return fmt.Errorf("revoking a token: %w", err)
	}
	return nil
}

func absent(err error) error {
	if errs.Is(err, errs.KindNotFound) {
		return errs.NotFound("There is no such token here. It may have been revoked already.")
	}
	return err
}

// check makes a token of what was asked for, or says for each field what is wrong.
func (in Input) check(kind access.Credential, now time.Time) (Token, error) {
	name, err := cleanName(in.Name)
	if err != nil {
		return Token{}, err
	}
	t := Token{ID: db.NewID(), Name: name, Created: now, Issued: now, Expires: in.Expires}
	known := access.ScopesFor(kind)
	for _, scope := range in.Scopes {
		if !slices.Contains(known, scope) {
			return Token{}, errs.Invalid("scopes", "There is no scope %q for this kind of token.", string(scope))
		}
	}
	for _, scope := range known { // in one order, each once
		if slices.Contains(in.Scopes, scope) {
			t.Scopes = append(t.Scopes, scope)
		}
	}
	if len(t.Scopes) == 0 && kind != access.FeedToken {
		return Token{}, errs.Invalid("scopes", "Choose at least one scope.")
	}
	if t.Expires.IsZero() {
		t.Expires = now.Add(usual)
	}
	if !t.Expires.After(now) || t.Expires.After(now.Add(most)) {
		return Token{}, errs.Invalid("expires", "Choose a day within a year from now.")
	}
	return t, nil
}

func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", errs.Invalid("name", "Name it in 1 to %d characters, after what will use it.", maxName)
	}
	return name, nil
}

func joinScopes(scopes []access.Scope) string {
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = string(scope)
	}
	return strings.Join(words, " ")
}

func splitScopes(text string) []access.Scope {
	var scopes []access.Scope
	for word := range strings.FieldsSeq(text) {
		scopes = append(scopes, access.Scope(word))
	}
	return scopes
}
