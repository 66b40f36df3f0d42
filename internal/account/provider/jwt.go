package provider

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

var errGone = errors.New("the person is suspended or gone")

// sign makes a JWT with the key that is in force.
func (p *Provider) sign(ctx context.Context, kind string, claims any) (string, error) {
	k, err := p.keys.signing(ctx)
	if err != nil {
		return "", err
	}
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(kind))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: k.private, KeyID: k.id}}, options)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// idToken says who signed in, when and how (OpenID Connect Core §2).
func (p *Provider) idToken(ctx context.Context, g grant, nonce, accessToken string) (string, error) {
	now := p.config.Clock()
	claims, err := p.describe(ctx, g.Person, strings.Fields(g.Scopes))
	if err != nil {
		return "", err
	}
	half := sha256.Sum256([]byte(accessToken))
	claims["iss"], claims["aud"] = p.config.Issuer, g.App
	claims["iat"], claims["exp"] = now.Unix(), now.Add(idTokenLife).Unix()
	claims["auth_time"], claims["acr"], claims["amr"] = g.AuthTime.Unix(), g.ACR, strings.Fields(g.AMR)
	claims["at_hash"] = base64.RawURLEncoding.EncodeToString(half[:16])
	claims["sid"] = g.Session
	if err := p.addSessionEnd(ctx, claims, g.Session); err != nil {
		return "", err
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return p.sign(ctx, "JWT", claims)
}

// addSessionEnd says how long a session that an app opens may last, as long as
// the one here does: until when (session_expiry, OpenID Connect Enterprise
// Extensions §2), and without use (session_idle, in seconds, a name of ours).
func (p *Provider) addSessionEnd(ctx context.Context, claims map[string]any, session string) error {
	lasts, err := db.One[struct {
		Began         time.Time
		Idle, Overall time.Duration
	}](ctx, p.config.DB, `
		SELECT s.created, r.idle, r.overall FROM account_session s, site_policy r WHERE s.id = $1 AND r.id = 1`, session)
	if errs.Is(err, errs.KindNotFound) {
		return nil // it is over: what an app has with offline_access goes on without it
	}
	if err != nil {
		return fmt.Errorf("reading how long a session lasts: %w", err)
	}
	claims["session_expiry"], claims["session_idle"] = lasts.Began.Add(lasts.Overall).Unix(), int64(lasts.Idle.Seconds())
	return nil
}

// describe says of a person what the scopes allow (OpenID Connect Core §5.4);
// errGone where they are suspended or gone.
func (p *Provider) describe(ctx context.Context, id string, scopes []string) (map[string]any, error) {
	who, err := p.config.People.Get(ctx, id)
	if errs.Is(err, errs.KindNotFound) || err == nil && who.Suspended {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("reading a person: %w", err)
	}
	claims := map[string]any{"sub": who.ID}
	for _, scope := range scopes {
		switch scope {
		case scopeProfile:
			claims["name"] = who.Name
			claims["preferred_username"], _, _ = strings.Cut(who.Email, "@")
		case scopeEmail:
			if who.Email != "" { // only proven addresses are kept
				claims["email"], claims["email_verified"] = who.Email, true
			}
		}
	}
	return claims, nil
}

// hinted is what an ID token of ours says that comes back as a hint.
type hinted struct {
	Subject  string       `json:"sub"`
	Audience jwt.Audience `json:"aud"`
	Issuer   string       `json:"iss"`
	Session  string       `json:"sid"`
}

// readHint reads an ID token of ours, perhaps an old one.
func (p *Provider) readHint(ctx context.Context, token string) (hinted, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return hinted{}, err
	}
	public, err := p.keys.named(ctx, parsed.Headers[0].KeyID)
	if err != nil {
		return hinted{}, err
	}
	var h hinted
	switch err := parsed.Claims(public, &h); {
	case err != nil:
		return hinted{}, err
	case h.Issuer != p.config.Issuer || h.Subject == "" || len(h.Audience) != 1 || parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "JWT":
		return hinted{}, errors.New("no ID token of ours")
	}
	return h, nil
}

// Sweep deletes what can't be of use any more.
func (p *Provider) Sweep(ctx context.Context) error {
	now := p.config.Clock()
	old := now.Add(-day)
	for _, each := range []struct {
		statement string
		before    any
	}{
		{`DELETE FROM app_token WHERE expires < $1`, now},
		{`DELETE FROM app_device WHERE expires < $1`, old},
		{`DELETE FROM app_refresh WHERE app_grant IN (SELECT id FROM app_grant WHERE expires < $1 OR ended > 0 AND ended < $1)`, old},
		{`DELETE FROM app_grant WHERE expires < $1 OR ended > 0 AND ended < $1`, old},
		{`DELETE FROM auth_request WHERE created < $1`, old},
		{`DELETE FROM signing_key WHERE ends > 0 AND ends < $1`, now.Add(-keyKept)},
	} {
		if _, err := db.Exec(ctx, p.config.DB, each.statement, each.before); err != nil {
			return fmt.Errorf("sweeping: %w", err)
		}
	}
	return nil
}
