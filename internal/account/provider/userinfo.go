package provider

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

var errGone = errors.New("the person is suspended or gone")

// userinfo says of a person what the access token allows (OpenID Connect Core
// §5.3), by the header or a form (RFC 6750 §2.1, §2.2), never by the address.
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	token, found := bearer(r)
	if !found {
		w.Header().Set("WWW-Authenticate", `Bearer realm="account"`)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_request", "error_description": "the access token is missing"})
		return
	}
	info, err := p.informed(r.Context(), token)
	switch {
	case errs.Is(err, errs.KindUnauthenticated), errors.Is(err, errGone):
		w.Header().Set("WWW-Authenticate", `Bearer realm="account", error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token", "error_description": "the access token is over, revoked or none of ours"})
	case err != nil:
		slog.ErrorContext(r.Context(), "userinfo", "err", err)
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
	default:
		writeJSON(w, http.StatusOK, info)
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

func (p *Provider) informed(ctx context.Context, token string) (*oidc.UserInfo, error) {
	dead := errs.Unauthenticated("The access token doesn't work.")
	plain, err := p.op.Crypto().Decrypt(token)
	if err != nil {
		return nil, dead
	}
	id, subject, _ := strings.Cut(plain, ":")
	granted, err := db.One[string](ctx, p.config.DB, `
		SELECT scopes FROM access_token WHERE id = $1 AND person = $2 AND revoked = 0 AND expires > $3`,
		id, subject, p.config.Clock())
	if errs.Is(err, errs.KindNotFound) {
		return nil, dead
	}
	if err != nil {
		return nil, err
	}
	info := &oidc.UserInfo{}
	return info, p.describe(ctx, info, subject, strings.Fields(granted))
}

// describe says of a person what the scopes allow (OpenID Connect Core §5.4).
func (p *Provider) describe(ctx context.Context, info *oidc.UserInfo, id string, scopes []string) error {
	who, err := p.config.People.Get(ctx, id)
	if errs.Is(err, errs.KindNotFound) || err == nil && who.Suspended {
		return errGone
	}
	if err != nil {
		return err
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
