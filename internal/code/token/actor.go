package token

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
)

// The user names that stand for whoever the token stands for. Package user
// gives them to nobody.
const (
	basicUser          = "x-token-auth"
	basicUserBitbucket = "x-bitbucket-api-token-auth"
)

// ErrPassword says that something other than a token came as the password of
// Basic authentication. It is of kind Unauthenticated.
var ErrPassword = errs.Unauthenticated("Passwords aren't accepted here. Use an API token in place of the password.")

// FromBearer tells who a token stands for; the caller sets the actor's Door,
// and the gate reads which factors its owner has. It is of kind Unauthenticated
// where the token is unknown, expired or revoked: which of these, nobody is
// told. Any other error means that nobody knows, and must not pass for nobody.
func (s *Service) FromBearer(ctx context.Context, token string, address netip.Addr) (access.Actor, error) {
	found, err := s.find(ctx, token, address)
	return found.actor(address), err
}

// FromBasic tells who a user name and password of Basic authentication stand
// for. The password is a token; the user name is x-token-auth,
// x-bitbucket-api-token-auth, or the username or email of the token's owner,
// and the actor is the same with each. A password that is no token at all is
// ErrPassword; otherwise errors are those of FromBearer.
func (s *Service) FromBasic(ctx context.Context, username, password string, address netip.Addr) (access.Actor, error) {
	if !looksLikeToken(password) && username != basicOAuth && !strings.HasPrefix(password, oauthPrefix) {
		return access.Actor{}, ErrPassword
	}
	found, err := s.find(ctx, password, address)
	if err != nil {
		return access.Actor{}, err
	}
	switch {
	case username == basicUser, username == basicUserBitbucket,
		username == basicOAuth && found.Kind == access.OAuthToken,
		found.Username != "" && strings.EqualFold(username, found.Username),
		found.Email != "" && strings.EqualFold(username, found.Email):
		return found.actor(address), nil
	}
	return access.Actor{}, errBad()
}

// live is a token that works now, and its owner, if it has one.
type live struct {
	ID, Hash              string
	Kind                  access.Credential
	User                  string
	Workspace, Repository string
	Scopes                string
	Username, Email       string

	account access.Account // of an app's token: the sign-in that it came of
}

func (l live) actor(address netip.Addr) access.Actor {
	if l.ID == "" {
		return access.Actor{}
	}
	return access.Actor{
		Credential: l.Kind, CredentialID: l.ID, User: l.User, Workspace: l.Workspace, Repository: l.Repository,
		Address: address, Scopes: splitScopes(l.Scopes), Evidence: access.Evidence{Account: l.account},
	}
}

// find looks a token up and notes its use.
func (s *Service) find(ctx context.Context, token string, address netip.Addr) (live, error) {
	if !looksLikeToken(token) {
		return s.oauth(ctx, token)
	}
	return s.known(ctx, token, address, false)
}

// FromFeed tells who a feed token stands for, which is taken where feeds are
// read and nowhere else. Errors are those of FromBearer.
func (s *Service) FromFeed(ctx context.Context, token string, address netip.Addr) (access.Actor, error) {
	found, err := s.known(ctx, token, address, true)
	return found.actor(address), err
}

// known looks up a token of ours, one for feeds or another, and notes its use.
func (s *Service) known(ctx context.Context, token string, address netip.Addr, feed bool) (live, error) {
	now, hash := s.Clock(), secret.Hash(token)
	found, err := s.live(ctx, hash, now)
	if errs.Is(err, errs.KindNotFound) {
		return live{}, errBad()
	}
	if err != nil {
		return live{}, fmt.Errorf("reading a token: %w", err)
	}
	if !secret.Equal(found.Hash, hash) || (found.Kind == access.FeedToken) != feed {
		return live{}, errBad()
	}
	s.uses.note(found.ID, use{now, request.AddressText(address)})
	return found, nil
}

func errBad() error {
	return errs.Unauthenticated("This token isn't valid here: it is wrong, expired or revoked, or belongs to another user name.")
}

// Newest gives the API or feed token that a user used last, as the actor that
// it stands for, and its name; where none works, one with every scope of its
// kind and without an id. It is the operator's.
func (s *Service) Newest(ctx context.Context, user string, kind access.Credential) (access.Actor, string, error) {
	tokens, err := s.list(ctx, holder{kind: kind, user: user})
	if err != nil {
		return access.Actor{}, "", fmt.Errorf("reading tokens: %w", err)
	}
	actor := access.Actor{Credential: kind, User: user, Scopes: access.ScopesFor(kind)}
	var last Token
	for _, t := range tokens {
		if !t.Expired(s.Clock()) && (last.ID == "" || t.LastUsed.After(last.LastUsed)) {
			last = t
		}
	}
	if last.ID != "" {
		actor.CredentialID, actor.Scopes = last.ID, last.Scopes
		actor.Address, _ = netip.ParseAddr(last.LastFrom) // what can't be one is none
	}
	return actor, last.Name, nil
}
