package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// token answers the token endpoint. Only codes are exchanged here.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	p.op.ServeHTTP(w, r)
}

// answered is a request that somebody has signed in to, as the library wants it.
type answered struct {
	request
	ask asked
}

func newAnswered(row request) (*answered, error) {
	a := &answered{request: row}
	if err := json.Unmarshal([]byte(row.Asked), &a.ask); err != nil {
		return nil, fmt.Errorf("reading an app's request: %w", err)
	}
	return a, nil
}

func (a *answered) GetID() string                      { return a.ID }
func (a *answered) GetACR() string                     { return a.ACR }
func (a *answered) GetAMR() []string                   { return strings.Fields(a.AMR) }
func (a *answered) GetAudience() []string              { return []string{a.App} }
func (a *answered) GetAuthTime() time.Time             { return a.AuthTime }
func (a *answered) GetClientID() string                { return a.App }
func (a *answered) GetNonce() string                   { return a.ask.Nonce }
func (a *answered) GetRedirectURI() string             { return a.ask.Redirect }
func (a *answered) GetResponseType() oidc.ResponseType { return oidc.ResponseTypeCode }
func (a *answered) GetResponseMode() oidc.ResponseMode { return oidc.ResponseModeQuery }
func (a *answered) GetScopes() []string                { return a.ask.Scopes }
func (a *answered) GetState() string                   { return a.ask.State }
func (a *answered) GetSubject() string                 { return a.Person }
func (a *answered) Done() bool                         { return a.Person != "" }

func (a *answered) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: a.ask.Challenge, Method: oidc.CodeChallengeMethodS256}
}

// storage is what the library asks of us.
type storage struct{ p *Provider }

func (s *storage) CreateAuthRequest(ctx context.Context, in *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	row, err := s.p.begin(ctx, in)
	if err != nil {
		return nil, err
	}
	return newAnswered(*row)
}

func (s *storage) AuthRequestByID(ctx context.Context, id string) (op.AuthRequest, error) {
	row, _, err := s.p.waiting(ctx, id)
	if err != nil {
		return nil, err
	}
	if row.Person == "" {
		return nil, errNobody
	}
	return newAnswered(row)
}

// SaveAuthCode keeps a code's hash; a request gets one code.
func (s *storage) SaveAuthCode(ctx context.Context, id, code string) error {
	changed, err := db.Exec(ctx, s.p.config.DB, `
		UPDATE auth_request SET code = $1, code_made = $2 WHERE id = $3 AND code = '' AND person <> ''`,
		secret.Hash(code), s.p.config.Clock(), id)
	if err != nil {
		return fmt.Errorf("keeping a code: %w", err)
	}
	if changed == 0 {
		return oidc.ErrInvalidRequest().WithDescription("this request has its code already")
	}
	return nil
}

// AuthRequestByCode finds a code's request. A code that was spent before
// revokes what it gave (RFC 6749 §4.1.2).
func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	row, err := db.One[request](ctx, s.p.config.DB, selectRequest+`WHERE code = $1 AND code_made > $2`,
		secret.Hash(code), s.p.config.Clock().Add(-codeLife))
	if errs.Is(err, errs.KindNotFound) {
		return nil, s.afterItsTime(ctx, code)
	}
	if err != nil {
		return nil, oidc.ErrServerError().WithParent(err)
	}
	if !row.Used.IsZero() {
		return nil, s.reused(ctx, row.ID)
	}
	return newAnswered(row)
}

// afterItsTime answers for a code that is over or unknown; one that was spent
// in time revokes all the same.
func (s *storage) afterItsTime(ctx context.Context, code string) error {
	id, err := db.One[string](ctx, s.p.config.DB, `SELECT id FROM auth_request WHERE code = $1 AND code_used > 0`, secret.Hash(code))
	if err == nil {
		return s.reused(ctx, id)
	}
	return errors.New("the code is unknown or over")
}

func (s *storage) reused(ctx context.Context, request string) error {
	_, err := db.Exec(ctx, s.p.config.DB, `UPDATE access_token SET revoked = $1 WHERE request = $2 AND revoked = 0`,
		s.p.config.Clock(), request)
	return errors.Join(errors.New("the code was used before; what it gave is revoked"), err)
}

// CreateAccessToken spends the code: of any number of exchanges at once, the
// one whose UPDATE changes the row goes on, and the others revoke its token.
func (s *storage) CreateAccessToken(ctx context.Context, in op.TokenRequest) (string, time.Time, error) {
	a, ok := in.(*answered)
	if !ok {
		return "", time.Time{}, oidc.ErrUnsupportedGrantType()
	}
	now := s.p.config.Clock()
	id, expires := db.NewID(), now.Add(tokenLife)
	spent := false
	err := s.p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		changed, err := db.Exec(ctx, tx, `
			UPDATE auth_request SET code_used = $1 WHERE id = $2 AND code_used = 0
			AND EXISTS (SELECT 1 FROM person WHERE id = auth_request.person AND NOT suspended)`, now, a.ID)
		if err != nil || changed == 0 {
			return err
		}
		spent = true
		_, err = db.Exec(ctx, tx, `
			INSERT INTO access_token (id, request, app, person, session, scopes, created, expires)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			id, a.ID, a.App, a.Person, a.Session, scopes(a.ask.Scopes), now, expires)
		return err
	})
	if err != nil {
		return "", time.Time{}, oidc.ErrServerError().WithParent(err)
	}
	if !spent {
		return "", time.Time{}, oidc.ErrInvalidGrant().WithParent(s.reused(ctx, a.ID))
	}
	return id, expires, nil
}

// DeleteAuthRequest keeps the row: a second use of its code must be noticed.
// Sweep deletes it a day later.
func (s *storage) DeleteAuthRequest(context.Context, string) error { return nil }

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.p.keys.signing(), nil }

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) { return s.p.keys.public(), nil }

func (s *storage) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	app, err := s.p.app(ctx, id)
	if err != nil {
		return nil, clientError(err)
	}
	return client{app}, nil
}

func (s *storage) AuthorizeClientIDSecret(ctx context.Context, id, given string) error {
	key, err := s.p.appSecret(ctx, id)
	if err != nil {
		return clientError(err)
	}
	if key.Reveal() == "" || !secret.Equal(secret.Hash(given), secret.Hash(key.Reveal())) {
		return errors.New("wrong client secret")
	}
	return nil
}

// clientError tells a store that fails from a client that isn't there.
func clientError(err error) error {
	if errs.Is(err, errs.KindNotFound) {
		return errors.New("unknown client")
	}
	return oidc.ErrServerError().WithParent(err)
}

// SetUserinfoFromRequest fills the ID token.
func (s *storage) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, in op.IDTokenRequest, scopes []string) error {
	return s.describe(ctx, info, in.GetSubject(), scopes)
}

// SetUserinfoFromToken answers userinfo.
func (s *storage) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, id, subject, _ string) error {
	granted, err := db.One[string](ctx, s.p.config.DB, `
		SELECT scopes FROM access_token WHERE id = $1 AND person = $2 AND revoked = 0 AND expires > $3`,
		id, subject, s.p.config.Clock())
	if err != nil {
		return oidc.ErrAccessDenied().WithDescription("the access token is over or revoked").WithParent(err)
	}
	return s.describe(ctx, info, subject, strings.Fields(granted))
}

// describe says of a person what the scopes allow (OpenID Connect Core §5.4).
func (s *storage) describe(ctx context.Context, info *oidc.UserInfo, id string, scopes []string) error {
	who, err := s.p.config.People.Get(ctx, id)
	if err != nil || who.Suspended {
		return oidc.ErrAccessDenied().WithDescription("the account is suspended or gone").WithParent(err)
	}
	info.Subject = who.ID
	for _, scope := range scopes {
		switch scope {
		case oidc.ScopeProfile:
			info.Name = who.Name
			info.PreferredUsername, _, _ = strings.Cut(who.Email, "@")
		case oidc.ScopeEmail:
			// Only proven addresses are kept.
			info.Email, info.EmailVerified = who.Email, oidc.Bool(who.Email != "")
		}
	}
	return nil
}

func (s *storage) Health(ctx context.Context) error { return s.p.config.DB.Ping(ctx) }
