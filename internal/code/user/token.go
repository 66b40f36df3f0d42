package user

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

const (
	tokenPrefix  = "spt_"
	tokenDefault = 90 * 24 * time.Hour
	tokenMost    = 366 * 24 * time.Hour // a year, leap years too

	basicUser          = "x-token-auth"
	basicUserBitbucket = "x-bitbucket-api-token-auth"
)

// ErrPassword says that something other than a token came as the password of
// Basic authentication. It is of kind Unauthenticated.
var ErrPassword = errs.Unauthenticated("Passwords aren't accepted here. Use an API token in place of the password.")

// Token is a person's API token, without the token itself.
type Token struct {
	ID       string
	Name     string
	Scopes   []access.Scope
	Created  time.Time
	Expires  time.Time
	LastUsed time.Time // zero: never; up to a minute late
	LastFrom string
}

// Expired reports whether the token is over.
func (t Token) Expired(now time.Time) bool { return !now.Before(t.Expires) }

// TokenInput is what a new token shall be.
type TokenInput struct {
	Name    string
	Scopes  []access.Scope
	Expires time.Time // zero: in 90 days; a year from now at the latest
}

// CreateToken makes an API token of the actor's. The plain token is for them
// alone, once. It needs access.ManageTokens, which no token has: so a token
// can't make another. It is of kind Invalid for "name", "scopes" or "expires".
func (s *Service) CreateToken(ctx context.Context, g access.Grant, in TokenInput) (Token, secret.String, error) {
	if err := g.Require(access.ManageTokens); err != nil {
		return Token{}, secret.String{}, err
	}
	u, err := s.byID(ctx, s.DB, g.Actor().User)
	if err != nil {
		return Token{}, secret.String{}, fmt.Errorf("making an API token: %w", err)
	}
	a := g.Actor()
	return s.createToken(ctx, u, in, a.Address, audit.Entry{
		Actor: a.User, Credential: string(a.Credential), Address: addressText(a.Address),
	})
}

// CreateTokenFor is CreateToken for the operator, who has the database anyway.
func (s *Service) CreateTokenFor(ctx context.Context, username string, in TokenInput) (Token, secret.String, error) {
	u, err := s.byUsername(ctx, username)
	if errs.Is(err, errs.KindNotFound) {
		return Token{}, secret.String{}, errs.NotFound("There is no user %q.", username)
	}
	if err != nil {
		return Token{}, secret.String{}, fmt.Errorf("making an API token: %w", err)
	}
	return s.createToken(ctx, u, in, netip.Addr{}, audit.Entry{Actor: "operator"})
}

func (s *Service) createToken(ctx context.Context, u User, in TokenInput, from netip.Addr, entry audit.Entry) (Token, secret.String, error) {
	now := s.Clock()
	t, err := in.check(now)
	if err != nil {
		return Token{}, secret.String{}, err
	}
	plain, hash := secret.Token(tokenPrefix)
	entry.Realm, entry.Action, entry.Target = "code", "token.created", t.ID
	entry.Detail = map[string]any{"user": u.ID, "name": t.Name, "scopes": joinScopes(t.Scopes), "expires": t.Expires}
	err = s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.insertToken(ctx, tx, t, hash, u.ID); err != nil {
			return err
		}
		if err := s.noticeToken(ctx, tx, u, from, t); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, entry)
	})
	if err != nil {
		return Token{}, secret.String{}, fmt.Errorf("making an API token: %w", err)
	}
	return t, plain, nil
}

// check makes a token of what was asked for, or says for each field what is wrong.
func (in TokenInput) check(now time.Time) (Token, error) {
	t := Token{ID: db.NewID(), Name: strings.TrimSpace(in.Name), Created: now, Expires: in.Expires}
	if t.Name == "" || utf8.RuneCountInString(t.Name) > maxName || !utf8.ValidString(t.Name) || strings.ContainsFunc(t.Name, unicode.IsControl) {
		return Token{}, errs.Invalid("name", "Name it in 1 to %d characters, after what will use it.", maxName)
	}
	for _, scope := range in.Scopes {
		if !slices.Contains(access.Scopes(), scope) {
			return Token{}, errs.Invalid("scopes", "There is no scope %q.", string(scope))
		}
	}
	for _, scope := range access.Scopes() { // in one order, each once
		if slices.Contains(in.Scopes, scope) {
			t.Scopes = append(t.Scopes, scope)
		}
	}
	if len(t.Scopes) == 0 {
		return Token{}, errs.Invalid("scopes", "Choose at least one scope.")
	}
	if t.Expires.IsZero() {
		t.Expires = now.Add(tokenDefault)
	}
	if !t.Expires.After(now) || t.Expires.After(now.Add(tokenMost)) {
		return Token{}, errs.Invalid("expires", "Choose a day within a year from now.")
	}
	return t, nil
}

// Tokens lists the actor's API tokens, newest first, expired ones too.
func (s *Service) Tokens(ctx context.Context, g access.Grant) ([]Token, error) {
	if err := g.Require(access.ReadSelf, access.ManageTokens); err != nil {
		return nil, err
	}
	tokens, err := s.tokensOf(ctx, g.Actor().User)
	if err != nil {
		return nil, fmt.Errorf("reading API tokens: %w", err)
	}
	return tokens, nil
}

// RevokeToken ends an API token of the actor's at once. It needs
// access.ManageTokens, and is of kind NotFound where they have no such token.
func (s *Service) RevokeToken(ctx context.Context, g access.Grant, id string) error {
	if err := g.Require(access.ManageTokens); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		name, err := s.deleteToken(ctx, tx, id, g.Actor().User)
		if errs.Is(err, errs.KindNotFound) {
			return errs.NotFound("You have no such API token. It may have been revoked already.")
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, g, "token.revoked", id, map[string]any{"name": name})
	})
	if err != nil {
		return fmt.Errorf("revoking an API token: %w", err)
	}
	return nil
}

// FromBearer tells who an API token stands for; the caller sets the actor's
// Door, and the gate reads which factors the owner has. It is of kind Unauthenticated where the token is unknown, expired or
// revoked: which of these, nobody is told. Any other error means that nobody
// knows, and must not pass for nobody.
func (s *Service) FromBearer(ctx context.Context, token string, address netip.Addr) (access.Actor, error) {
	actor, _, err := s.fromToken(ctx, token, address)
	return actor, err
}

// FromBasic tells who a user name and password of Basic authentication stand
// for. The password is an API token; the user name is x-token-auth,
// x-bitbucket-api-token-auth, or the username or email of the token's owner,
// and the actor is the same with each. A password that is no token at all is
// ErrPassword; otherwise errors are those of FromBearer.
func (s *Service) FromBasic(ctx context.Context, username, password string, address netip.Addr) (access.Actor, error) {
	if !looksLikeToken(password) {
		return access.Actor{}, ErrPassword
	}
	actor, owner, err := s.fromToken(ctx, password, address)
	if err != nil {
		return access.Actor{}, err
	}
	switch {
	case username == basicUser, username == basicUserBitbucket,
		strings.EqualFold(username, owner.Username),
		owner.Email != "" && strings.EqualFold(username, owner.Email):
		return actor, nil
	}
	return access.Actor{}, errBadToken()
}

func (s *Service) fromToken(ctx context.Context, token string, address netip.Addr) (access.Actor, tokenOwner, error) {
	now := s.Clock()
	found, err := s.liveToken(ctx, secret.Hash(token), now)
	if errs.Is(err, errs.KindNotFound) {
		return access.Actor{}, tokenOwner{}, errBadToken()
	}
	if err != nil {
		return access.Actor{}, tokenOwner{}, fmt.Errorf("reading an API token: %w", err)
	}
	if now.Sub(found.LastUsed) >= seenEvery {
		s.seen.token(found.ID, now, addressText(address))
	}
	return access.Actor{
		Credential:   access.APIToken,
		CredentialID: found.ID,
		User:         found.Owner.ID,
		Address:      address,
		Scopes:       splitScopes(found.Scopes),
	}, found.Owner, nil
}

// looksLikeToken reports whether text is of the kinds that Code gives out.
func looksLikeToken(text string) bool {
	for _, prefix := range []string{tokenPrefix, "spw_", "spr_"} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

func errBadToken() error {
	return errs.Unauthenticated("This token isn't valid here: it is wrong, expired or revoked, or belongs to another user name.")
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
