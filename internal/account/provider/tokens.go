package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// token answers the token endpoint. Only codes are exchanged here, and only
// for an app that has shown who it is: before that, nothing is said or done
// about a code.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := p.beforeToken(r); err != nil {
		refused, ok := errors.AsType[*refusal](err)
		if !ok {
			slog.ErrorContext(r.Context(), "the token endpoint", "err", err)
			refused = &refusal{"server_error", "try again in a moment"}
		}
		status := http.StatusBadRequest
		switch refused.code {
		case "invalid_client":
			w.Header().Set("WWW-Authenticate", `Basic realm="account"`)
			status = http.StatusUnauthorized
		case "server_error":
			status = http.StatusInternalServerError
		}
		writeJSON(w, status, map[string]string{"error": refused.code, "error_description": refused.description})
		return
	}
	p.op.ServeHTTP(w, r)
}

var verifierText = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`) // RFC 7636 §4.1

func (p *Provider) beforeToken(r *http.Request) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return refuse("invalid_request", "parameters belong into a form in the body")
	}
	if err := r.ParseForm(); err != nil {
		return refuse("invalid_request", "the form can't be read")
	}
	for _, values := range r.PostForm {
		if len(values) > 1 {
			return refuse("invalid_request", "a parameter is given twice")
		}
	}
	if err := p.authenticate(r); err != nil {
		return err
	}
	switch grant := r.PostForm.Get("grant_type"); {
	case grant == "":
		return refuse("invalid_request", "grant_type is missing")
	case grant != "authorization_code":
		return refuse("unsupported_grant_type", "only authorization_code is supported")
	case r.PostForm.Get("code") == "":
		return refuse("invalid_request", "code is missing")
	case !verifierText.MatchString(r.PostForm.Get("code_verifier")):
		return refuse("invalid_request", "code_verifier is missing or can't be one")
	}
	return nil
}

// authenticate has the app show who it is, by its secret in one place
// (RFC 6749 §2.3), or by its id where it is a public one.
func (p *Provider) authenticate(r *http.Request) error {
	wrong := refuse("invalid_client", "the app isn't known or its secret is wrong")
	id, given := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, basic := r.BasicAuth(); basic {
		if given != "" {
			return refuse("invalid_request", "the secret is given in two places")
		}
		named, nameErr := url.QueryUnescape(user)
		plain, err := url.QueryUnescape(password)
		if nameErr != nil || err != nil || id != "" && id != named {
			return wrong
		}
		id, given = named, plain
	}
	if r.PostForm.Has("client_assertion") || r.PostForm.Has("client_assertion_type") {
		return wrong
	}
	app, err := p.app(r.Context(), id)
	if errs.Is(err, errs.KindNotFound) || errs.Is(err, errs.KindInvalid) {
		return wrong
	}
	if err != nil {
		return err
	}
	if app.Public {
		return nil
	}
	key, err := p.appSecret(r.Context(), id)
	if err != nil {
		return err
	}
	if !matches(key, given) {
		return wrong
	}
	return nil
}

func matches(key secret.String, given string) bool {
	return key.Reveal() != "" && secret.Equal(secret.Hash(given), secret.Hash(key.Reveal()))
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the app went away: nothing to be done
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
			id, a.ID, a.App, a.Person, a.Session, strings.Join(a.ask.Scopes, " "), now, expires)
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
	if !matches(key, given) {
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
	return s.p.describe(ctx, info, in.GetSubject(), scopes)
}

func (s *storage) Health(ctx context.Context) error { return s.p.config.DB.Ping(ctx) }
