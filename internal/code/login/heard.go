package login

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"sallyport.dev/internal/errs"
)

// What the issuer tells by itself: that somebody signed out there (OpenID
// Connect Back-Channel Logout 1.0), and that an account was shut or opened
// (OpenID RISC, by RFC 8417).
const (
	logoutType   = "http://schemas.openid.net/event/backchannel-logout"
	disabledType = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
	enabledType  = "https://schemas.openid.net/secevent/risc/event-type/account-enabled"

	maxToken = 16 << 10         // bytes of a token
	maxSkew  = time.Minute      // how far ahead the issuer's clock may be
	maxAge   = 10 * time.Minute // of a token that says no end
)

// Heard is something that the issuer has told, verified.
type Heard struct {
	ID      string // the token's; the same thing may be told twice
	Issuer  string
	Subject string // may be empty where Session says which
	Session string // of the issuer's, for a sign-out; empty: all of the subject's
	At      time.Time
	Expires time.Time // until then ID must be remembered
	Event   Event
}

// Event is what happened.
type Event string

const (
	SignedOut Event = "signed_out"
	Disabled  Event = "disabled"
	Enabled   Event = "enabled"
)

// ReadLogout reads a logout token (Back-Channel Logout §2.6). It is of kind
// Invalid where it isn't one of the issuer's for us.
func (c *Client) ReadLogout(ctx context.Context, token string) (Heard, error) {
	said, err := c.readTold(ctx, token, "logout+jwt")
	if err != nil {
		return Heard{}, err
	}
	_, isLogout := said.Events[logoutType]
	if !isLogout || said.Subject == "" && said.Session == "" {
		return Heard{}, notTold("a logout token without its event, or about nobody")
	}
	return said.heard(SignedOut, said.Subject), nil
}

// ReadEvent reads a security event token; errors are as for ReadLogout.
func (c *Client) ReadEvent(ctx context.Context, token string) (Heard, error) {
	said, err := c.readTold(ctx, token, "secevent+jwt")
	if err != nil {
		return Heard{}, err
	}
	about := said.About
	if about.Format != "iss_sub" || about.Issuer != c.config.Issuer || about.Subject == "" || said.Subject != "" {
		return Heard{}, notTold("an event about nobody whom the issuer knows")
	}
	for kind, event := range map[string]Event{disabledType: Disabled, enabledType: Enabled} {
		if _, told := said.Events[kind]; told && len(said.Events) == 1 {
			return said.heard(event, about.Subject), nil
		}
	}
	return Heard{}, notTold("an event of another kind")
}

// told is the claims of such a token.
type told struct {
	ID       string                     `json:"jti"`
	Issuer   string                     `json:"iss"`
	Subject  string                     `json:"sub"`
	Session  string                     `json:"sid"`
	Nonce    *json.RawMessage           `json:"nonce"`
	IssuedAt float64                    `json:"iat"`
	Happened float64                    `json:"toe"`
	Expires  float64                    `json:"exp"`
	Events   map[string]json.RawMessage `json:"events"`
	About    struct {
		Format  string `json:"format"`
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	} `json:"sub_id"`
}

func (t told) heard(event Event, subject string) Heard {
	at := t.Happened
	if at == 0 {
		at = t.IssuedAt
	}
	return Heard{
		ID: t.ID, Issuer: t.Issuer, Subject: subject, Session: t.Session, Event: event,
		At: time.UnixMicro(int64(at * 1e6)).UTC(), Expires: time.Unix(int64(t.IssuedAt), 0).Add(2 * maxAge),
	}
}

// readTold verifies signature, issuer, audience and age. A nonce is refused: or
// an ID token could pass for it.
func (c *Client) readTold(ctx context.Context, token, kind string) (told, error) {
	if len(token) > maxToken {
		return told{}, notTold("it is too long")
	}
	if named := typeOf(token); named != kind && (kind != "logout+jwt" || named != "" && named != "JWT") {
		return told{}, notTold("it is of another type")
	}
	provider, err := c.discover(ctx)
	if err != nil {
		return told{}, err
	}
	verifier := provider.Verifier(&oidc.Config{
		ClientID: c.config.ClientID, SupportedSigningAlgs: algorithms, Now: c.config.Clock, SkipExpiryCheck: true,
	})
	verified, err := verifier.Verify(oidc.ClientContext(ctx, c.http), token)
	if err != nil {
		return told{}, errs.Invalid("", "The token isn't the issuer's for this site: %s.", err)
	}
	var said told
	if err := verified.Claims(&said); err != nil {
		return told{}, notTold("its claims can't be read")
	}
	now := c.config.Clock()
	issued := time.Unix(int64(said.IssuedAt), 0)
	switch {
	case said.Nonce != nil:
		return told{}, notTold("it has a nonce")
	case said.ID == "" || len(said.ID) > 255:
		return told{}, notTold("it has no id")
	case issued.After(now.Add(maxSkew)), now.Sub(issued) > maxAge, said.Expires > 0 && !now.Before(time.Unix(int64(said.Expires), 0)):
		return told{}, notTold("it is of another time")
	}
	return said, nil
}

func notTold(why string) error { return errs.Invalid("", "The token isn't taken: %s.", why) }

// typeOf gives the type that a JWT's header names; empty: none.
func typeOf(token string) string {
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return ""
	}
	var header struct {
		Type string `json:"typ"`
	}
	if json.Unmarshal(text, &header) != nil {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(header.Type), "application/")
}

// errNoIntrospection says that the issuer doesn't tell what its tokens are worth.
var errNoIntrospection = errors.New("the issuer has no introspection endpoint")

func unreachable(doing string, err error) error { return unavailable(fmt.Errorf("%s: %w", doing, err)) }
