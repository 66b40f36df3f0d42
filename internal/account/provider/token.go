package provider

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// issued is what an app gets at the token endpoint (RFC 6749 §5.1).
type issued struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
	IDToken      string `json:"id_token,omitempty"`
}

// token answers the token endpoint, for an app that has shown who it is:
// before that, nothing is said or done about a code or a token.
func (p *Provider) token(r *http.Request, app App) (any, error) {
	grant := GrantType(r.PostForm.Get("grant_type"))
	switch {
	case grant == "":
		return nil, refuse("invalid_request", "grant_type is missing")
	case !slices.Contains(GrantTypes(), grant):
		return nil, refuse("unsupported_grant_type", "grant_type is none of those in the discovery document")
	case !app.may(grant):
		return nil, refuse("unauthorized_client", "the app isn't registered for this grant_type")
	}
	exchange := map[GrantType]func(context.Context, App, url.Values) (issued, error){
		GrantCode: p.spendCode, GrantRefresh: p.refresh, GrantClient: p.forItself, GrantDevice: p.spendDevice,
	}[grant]
	return exchange(r.Context(), app, r.PostForm)
}

// RFC 7636 §4.1, but for the characters: programs that Debian ships send plain
// base64, and it is by its hash that a verifier is right or wrong.
var verifierText = regexp.MustCompile(`^[!-~]{43,128}$`)

// spendCode exchanges a code (RFC 6749 §4.1.3): of any number of exchanges at
// once, the one whose UPDATE changes the row goes on, and the others end what
// it gave (§4.1.2).
func (p *Provider) spendCode(ctx context.Context, app App, form url.Values) (issued, error) {
	code, verifier := form.Get("code"), form.Get("code_verifier")
	switch {
	case code == "":
		return issued{}, refuse("invalid_request", "code is missing")
	case !verifierText.MatchString(verifier):
		return issued{}, refuse("invalid_request", "code_verifier is missing or can't be one")
	}
	row, err := db.One[authRequest](ctx, p.config.DB, selectRequest+`WHERE code = $1`, secret.Hash(code))
	if errs.Is(err, errs.KindNotFound) {
		return issued{}, refuse("invalid_grant", "the code is unknown or over")
	}
	if err != nil {
		return issued{}, err
	}
	ask, err := row.ask()
	if err != nil {
		return issued{}, err
	}
	now := p.config.Clock()
	challenge := sha256.Sum256([]byte(verifier))
	switch {
	case row.App != app.ID:
		return issued{}, refuse("invalid_grant", "the code was made for another app")
	case !row.Used.IsZero():
		return issued{}, p.codeReused(ctx, row.ID)
	case now.Sub(row.Made) >= codeLife:
		return issued{}, refuse("invalid_grant", "the code is unknown or over")
	case ask.Redirect != form.Get("redirect_uri"):
		return issued{}, refuse("invalid_grant", "redirect_uri isn't the one that the code went to")
	case !secret.Equal(base64.RawURLEncoding.EncodeToString(challenge[:]), ask.Challenge):
		return issued{}, refuse("invalid_grant", "code_verifier doesn't fit the code_challenge")
	}
	g := row.grant(ask)
	spent := false
	out, err := p.begin(ctx, app, &g, func(tx *db.Tx) (bool, error) {
		changed, err := db.Exec(ctx, tx, `UPDATE auth_request SET code_used = $1, app_grant = $2 WHERE id = $3 AND code_used = 0`, now, g.ID, row.ID)
		spent = changed == 1
		return spent, err
	})
	if err == nil && !spent {
		return issued{}, p.codeReused(ctx, row.ID)
	}
	if err != nil {
		return issued{}, err
	}
	return p.withIDToken(ctx, out, g, ask.Nonce)
}

// codeReused ends what a code gave that is used once more.
func (p *Provider) codeReused(ctx context.Context, request string) error {
	id, err := db.One[string](ctx, p.config.DB, `SELECT app_grant FROM auth_request WHERE id = $1`, request)
	if err != nil {
		return err
	}
	if err := p.endReused(ctx, id, "code"); err != nil {
		return err
	}
	return refuse("invalid_grant", "the code was used before; what it gave is revoked")
}

// refresh exchanges a refresh token for another one (RFC 9700 §4.14.2). Each
// works once; a second use ends the whole chain, for one of the two isn't the
// app.
func (p *Provider) refresh(ctx context.Context, app App, form url.Values) (issued, error) {
	given := form.Get("refresh_token")
	if given == "" {
		return issued{}, refuse("invalid_request", "refresh_token is missing")
	}
	now := p.config.Clock()
	var out issued
	var g grant
	err := p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		id, err := db.One[string](ctx, tx, `
			UPDATE app_refresh SET used = $1 WHERE hash = $2 AND used = 0
			AND app_grant IN (SELECT id FROM app_grant WHERE app = $3 AND ended = 0 AND expires > $1) RETURNING app_grant`,
			now, secret.Hash(given), app.ID)
		if err != nil {
			return err
		}
		if g, err = db.One[grant](ctx, tx, selectGrant+`WHERE id = $1`, id); err != nil {
			return err
		}
		if err := p.meets(ctx, tx, app, g); err != nil {
			return err
		}
		if wanted, ok := form["scope"]; ok { // fewer, never more: RFC 6749 §6
			narrowed := strings.Fields(wanted[0])
			if !subset(narrowed, strings.Fields(g.Scopes)) {
				return refuse("invalid_scope", "scope names more than was granted")
			}
			g.Scopes = strings.Join(narrowed, " ")
		}
		out, err = p.issue(ctx, tx, app, g)
		return err
	})
	if errs.Is(err, errs.KindNotFound) {
		return issued{}, p.refreshReused(ctx, app, given)
	}
	if err != nil {
		return issued{}, err
	}
	return p.withIDToken(ctx, out, g, "")
}

// refreshReused says why a refresh token isn't taken, and ends the chain of
// one that was used before.
func (p *Provider) refreshReused(ctx context.Context, app App, given string) error {
	id, err := db.One[string](ctx, p.config.DB, `
		SELECT g.id FROM app_refresh r JOIN app_grant g ON g.id = r.app_grant WHERE r.hash = $1 AND r.used > 0 AND g.app = $2`,
		secret.Hash(given), app.ID)
	if errs.Is(err, errs.KindNotFound) {
		return refuse("invalid_grant", "the refresh token is unknown, over or revoked")
	}
	if err != nil {
		return err
	}
	if err := p.endReused(ctx, id, "refresh_token"); err != nil {
		return err
	}
	return refuse("invalid_grant", "the refresh token was used before; all that came of it is revoked")
}

// forItself gives an app a token of its own, for no person (RFC 6749 §4.4).
func (p *Provider) forItself(ctx context.Context, app App, form url.Values) (issued, error) {
	scopes := app.allowed(strings.Fields(form.Get("scope")))
	if len(scopes) == 0 || slices.Contains(scopes, scopeOpenID) || slices.Contains(scopes, scopeOffline) {
		return issued{}, refuse("invalid_scope", "scope names nothing that the app may do for itself")
	}
	return p.accessToken(ctx, p.config.DB, app.ID, "", strings.Join(scopes, " "))
}

// withIDToken adds the ID token, where the app asks who signed in.
func (p *Provider) withIDToken(ctx context.Context, out issued, g grant, nonce string) (issued, error) {
	if !slices.Contains(strings.Fields(g.Scopes), scopeOpenID) {
		return out, nil
	}
	var err error
	out.IDToken, err = p.idToken(ctx, g, nonce, out.AccessToken)
	return out, err
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
