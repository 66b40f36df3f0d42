package provider

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// live is an access token that works now.
type live struct {
	App, Grant, Scopes string
	Created, Expires   time.Time
	Person, Session    string
	AuthTime           time.Time
	ACR                signin.Class
	AMR                string
}

// find gives the access token, as long as it works: it isn't over or revoked,
// and whoever it stands for still meets what its app needs. It is of kind
// NotFound where it doesn't.
func (p *Provider) find(ctx context.Context, token string) (live, error) {
	row, err := db.One[struct {
		Live   live
		Needed signin.Class
		Now    standing
	}](ctx, p.config.DB, `
		SELECT t.app, t.app_grant, t.scopes, t.created, t.expires,
		  COALESCE(g.person, ''), COALESCE(g.session, ''), COALESCE(g.auth_time, 0), COALESCE(g.acr, ''), COALESCE(g.amr, ''),
		  a.acr, `+standingColumns+`
		FROM app_token t JOIN app a ON a.id = t.app CROSS JOIN site_policy s
		LEFT JOIN app_grant g ON g.id = t.app_grant AND g.ended = 0
		LEFT JOIN person p ON p.id = g.person
		WHERE t.hash = $1 AND t.expires > $2 AND (t.app_grant = '' OR p.id IS NOT NULL)`,
		secret.Hash(token), p.config.Clock())
	if err != nil {
		return live{}, err
	}
	if row.Live.Person != "" && row.Now.meets(row.Needed, row.Live.ACR, p.config.Clock()) != nil {
		return live{}, errs.NotFound("The access token doesn't work.")
	}
	return row.Live, nil
}

// introspection says what a token is worth now (RFC 7662 §2.2), and for a
// person how they signed in (RFC 9470 §6.2).
type introspection struct {
	Active    bool         `json:"active"`
	Issuer    string       `json:"iss,omitempty"`
	Subject   string       `json:"sub,omitempty"`
	Audience  []string     `json:"aud,omitempty"`
	Client    string       `json:"client_id,omitempty"`
	ID        string       `json:"jti,omitempty"`
	TokenType string       `json:"token_type,omitempty"`
	Scope     string       `json:"scope,omitempty"`
	IssuedAt  int64        `json:"iat,omitempty"`
	Expires   int64        `json:"exp,omitempty"`
	AuthTime  int64        `json:"auth_time,omitempty"`
	ACR       signin.Class `json:"acr,omitempty"`
	AMR       []string     `json:"amr,omitempty"`
	Session   string       `json:"sid,omitempty"`
}

// introspect tells an app what a token is worth that was made for it: for its
// API, or for itself. Of any other it learns nothing (RFC 7662 §4).
func (p *Provider) introspect(r *http.Request, app App) (any, error) {
	if app.Public {
		return nil, refuse("invalid_client", "only an app with a secret may ask")
	}
	ctx := r.Context()
	token, err := p.find(ctx, r.PostForm.Get("token"))
	if errs.Is(err, errs.KindNotFound) || errs.Is(err, errs.KindInvalid) {
		return introspection{}, nil
	}
	if err != nil {
		return nil, err
	}
	audience, err := p.audience(ctx, token.Scopes)
	if err != nil {
		return nil, err
	}
	if token.App != app.ID && !slices.Contains(audience, app.ID) {
		return introspection{}, nil
	}
	says := introspection{
		Active: true, Issuer: p.config.Issuer, Audience: audience, Client: token.App, ID: token.Grant, TokenType: "Bearer",
		Scope: token.Scopes, IssuedAt: token.Created.Unix(), Expires: token.Expires.Unix(),
		Subject: token.App, ACR: token.ACR, AMR: strings.Fields(token.AMR), Session: token.Session,
	}
	if token.Person != "" {
		says.Subject, says.AuthTime = token.Person, token.AuthTime.Unix()
		_, err = db.Exec(ctx, p.config.DB, `UPDATE app_person SET used = $1 WHERE person = $2 AND app = $3 AND used < $4`,
			p.config.Clock(), token.Person, token.App, p.config.Clock().Add(-time.Minute))
	}
	return says, err
}

// revoke ends a token that an app has no more use for (RFC 7009): an access
// token alone, or with a refresh token the whole grant. A token that isn't the
// app's is as one that isn't there.
func (p *Provider) revoke(r *http.Request, app App) (any, error) {
	ctx, token := r.Context(), r.PostForm.Get("token")
	if token == "" {
		return nil, refuse("invalid_request", "token is missing")
	}
	if _, err := db.Exec(ctx, p.config.DB, `DELETE FROM app_token WHERE hash = $1 AND app = $2`, secret.Hash(token), app.ID); err != nil {
		return nil, err
	}
	_, err := db.Exec(ctx, p.config.DB, `
		UPDATE app_grant SET ended = $1 WHERE ended = 0 AND app = $2 AND id IN (SELECT app_grant FROM app_refresh WHERE hash = $3)`,
		p.config.Clock(), app.ID, secret.Hash(token))
	return nil, err
}

// userinfo says of a person what the access token allows (OpenID Connect Core
// §5.3), by the header or a form (RFC 6750 §2.1, §2.2), never by the address.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	challenge := func(status int, code, description string) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="account", error="`+code+`"`)
		writeJSON(w, status, failure{code, description})
	}
	token, found := bearer(r)
	if !found {
		w.Header().Set("WWW-Authenticate", `Bearer realm="account"`)
		writeJSON(w, http.StatusUnauthorized, failure{"invalid_request", "the access token is missing"})
		return
	}
	says, err := p.informed(r.Context(), token)
	switch {
	case errs.Is(err, errs.KindNotFound), err == errGone: //nolint:errorlint // ours, not wrapped
		challenge(http.StatusUnauthorized, "invalid_token", "the access token is over, revoked or none of ours")
	case errs.Is(err, errs.KindDenied):
		challenge(http.StatusForbidden, "insufficient_scope", "the access token is without the scope openid")
	case err != nil:
		slog.ErrorContext(r.Context(), "userinfo", "err", err)
		writeJSON(w, http.StatusInternalServerError, failure{"server_error", "try again in a moment"})
	default:
		writeJSON(w, http.StatusOK, says)
	}
}

func bearer(r *http.Request) (token string, found bool) {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return token, true
	}
	if r.Method == http.MethodPost && r.ParseForm() == nil {
		token = r.PostForm.Get("access_token")
	}
	return token, token != ""
}

func (p *Provider) informed(ctx context.Context, token string) (map[string]any, error) {
	found, err := p.find(ctx, token)
	if err != nil {
		return nil, err
	}
	scopes := strings.Fields(found.Scopes)
	if found.Person == "" || !slices.Contains(scopes, scopeOpenID) {
		return nil, errs.Denied("The access token doesn't say who somebody is.")
	}
	return p.describe(ctx, found.Person, scopes)
}
