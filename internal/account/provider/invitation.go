package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport.dev/internal/account/person"
)

// invited verifies an app's word that it has mailed an invitation to an
// address and that the link in it was opened: a JWT of the app's, signed with
// its secret (OpenID Connect Core §10.1), for this issuer. It gives the address.
func (p *Provider) invited(ctx context.Context, app App, token string) (string, error) {
	if !app.MayInvite {
		return "", fmt.Errorf("the app %s may not invite", app.ID)
	}
	key, err := p.appSecret(ctx, app.ID)
	if err != nil {
		return "", err
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return "", err
	}
	var standard jwt.Claims
	var own struct {
		Email string `json:"email"`
	}
	if err := parsed.Claims([]byte(key.Reveal()), &standard, &own); err != nil {
		return "", err
	}
	if standard.Expiry == nil {
		return "", errors.New("an invitation without an end")
	}
	expected := jwt.Expected{Issuer: app.ID, AnyAudience: jwt.Audience{p.config.Issuer}, Time: p.config.Clock()}
	if err := standard.ValidateWithLeeway(expected, time.Minute); err != nil {
		return "", err
	}
	return person.Normalise(own.Email)
}
