package token

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

const (
	oauthPrefix = "spo_"   // of Account's access tokens
	basicOAuth  = "oauth2" // the user name that git-credential-oauth and its like send
)

// OAuth is what the issuer says of one of its access tokens. Its fields are
// those of login.Token, so that one converts into the other.
type OAuth struct {
	ID              string
	Issuer, Subject string
	Scopes          []string
	ACR             string
	AMR             []string
	AuthTime        time.Time
}

// oauth tells who an app's token stands for. The issuer is asked each time, so
// what was revoked there opens nothing from then on.
func (s *Service) oauth(ctx context.Context, token string) (live, error) {
	if s.Introspect == nil {
		return live{}, errBad()
	}
	says, err := s.Introspect(ctx, token)
	if errs.Is(err, errs.KindNotFound) {
		return live{}, errBad()
	}
	if err != nil {
		return live{}, err
	}
	found, err := db.One[live](ctx, s.DB, `
		SELECT $3, '', $4, u.id, '', '', $5, u.username, u.email FROM code_user u WHERE u.issuer = $1 AND u.subject = $2 AND NOT u.suspended`,
		says.Issuer, says.Subject, "oauth "+secret.Hash(token)[:16], string(access.OAuthToken), strings.Join(says.Scopes, " "))
	if errs.Is(err, errs.KindNotFound) {
		return live{}, errs.Unauthenticated("You have no profile in Code yet. Sign in once with a browser: %s/login", s.URL)
	}
	if err != nil {
		return live{}, fmt.Errorf("reading whose token it is: %w", err)
	}
	found.account = access.Account{ACR: says.ACR, AMR: says.AMR, AuthTime: says.AuthTime}
	return found, nil
}
