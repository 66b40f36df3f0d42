package login

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/errs"
)

// Token is what the issuer says of one of its access tokens, which came to a
// door of ours in somebody's name.
type Token struct {
	ID              string // may be empty
	Issuer, Subject string
	Scopes          []string
	ACR             string
	AMR             []string
	AuthTime        time.Time // zero where the issuer doesn't say
}

// Introspect asks the issuer what an access token is worth now (RFC 7662). It
// is asked each time: what was revoked a moment ago opens nothing. It is of
// kind NotFound where the token isn't active, wasn't made for us, or stands for
// no person.
func (c *Client) Introspect(ctx context.Context, token string) (Token, error) {
	none := errs.NotFound("This token isn't valid here.")
	if token == "" || len(token) > maxToken {
		return Token{}, none
	}
	says, err := c.ask(ctx, token)
	if err != nil {
		return Token{}, err
	}
	now := c.config.Clock().Unix()
	switch {
	case !says.Active,
		says.Issuer != "" && says.Issuer != c.config.Issuer,
		!slices.Contains(says.Audience, c.config.ClientID) && !slices.Contains(says.Audience, c.config.API),
		says.Expires != 0 && int64(says.Expires) <= now,
		int64(says.NotBefore) > now+int64(maxSkew.Seconds()),
		says.Subject == "" || says.Subject == says.Client,
		says.TokenType != "" && !strings.EqualFold(says.TokenType, "Bearer") && says.TokenType != "access_token":
		return Token{}, none
	}
	out := Token{
		ID: says.ID, Issuer: c.config.Issuer, Subject: says.Subject, Scopes: strings.Fields(says.Scope), ACR: says.ACR, AMR: says.AMR,
	}
	if says.AuthTime > 0 {
		out.AuthTime = time.Unix(int64(says.AuthTime), 0).UTC()
	}
	return out, nil
}

// introspection is an introspection response (RFC 7662 §2.2, RFC 9470 §6.2).
type introspection struct {
	Active    bool     `json:"active"`
	ID        string   `json:"jti"`
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  oneOrAll `json:"aud"`
	Client    string   `json:"client_id"`
	TokenType string   `json:"token_type"`
	Scope     string   `json:"scope"`
	Expires   float64  `json:"exp"`
	NotBefore float64  `json:"nbf"`
	AuthTime  float64  `json:"auth_time"`
	ACR       string   `json:"acr"`
	AMR       []string `json:"amr"`
}

// oneOrAll is a list that may be written as its only member.
type oneOrAll []string

// UnmarshalJSON takes a text or a list of them.
func (o *oneOrAll) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrAll{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

func (c *Client) ask(ctx context.Context, token string) (introspection, error) {
	provider, err := c.discover(ctx)
	if err != nil {
		return introspection{}, err
	}
	var document struct {
		Introspection string `json:"introspection_endpoint"`
	}
	if err := provider.Claims(&document); err != nil {
		return introspection{}, unreachable("reading discovery", err)
	}
	if document.Introspection == "" {
		return introspection{}, unavailable(errNoIntrospection)
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, document.Introspection, strings.NewReader(form.Encode()))
	if err != nil {
		return introspection{}, unreachable("introspecting", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.SetBasicAuth(url.QueryEscape(c.config.ClientID), url.QueryEscape(c.config.Secret.Reveal()))
	response, err := c.http.Do(r)
	if err != nil {
		return introspection{}, unreachable("introspecting", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil || response.StatusCode != http.StatusOK {
		return introspection{}, unavailable(errs.Unavailable(err, "introspection answered %s", response.Status))
	}
	var says introspection
	if err := json.Unmarshal(text, &says); err != nil {
		return introspection{}, unreachable("reading an introspection", err)
	}
	return says, nil
}
