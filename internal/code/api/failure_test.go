package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/errs"
)

// No credential of today's can be asked for a step here; those to come can.
// Standard 23: challenges by RFC 6750 and RFC 9470.
func TestAMissingStepIsRFC9470s(t *testing.T) {
	a := &API{Config: Config{URL: "https://code.test"}}
	f := a.failureOf(context.Background(), &access.Refusal{
		Verdict:       access.Verdict{Outcome: access.Renew, Reason: access.ReasonStepExpired, ACR: "aal2", MaxAge: time.Hour},
		Action:        access.ReadRepository,
		WorkspaceSlug: "acme",
	})
	const want = `Bearer realm="Sallyport", error="insufficient_user_authentication", error_description="Workspace acme asks for your second step again.", acr_values="aal2", max_age="3600"`
	if f.status != http.StatusUnauthorized || f.headers.Get("WWW-Authenticate") != want || f.Body.Data.Reason != "second_step_expired" ||
		f.Body.Data.URL != "https://code.test/login/verify" {
		t.Errorf("%+v %v", f, f.headers)
	}
}

func TestFailuresOfOursTellNothingMore(t *testing.T) {
	a := &API{}
	for _, c := range []struct {
		err    error
		status int
		says   string
	}{
		{errors.New("dial tcp 10.0.0.1: secret"), 500, "Something went wrong on our side."},
		{errs.Unavailable(errors.New("secret"), "The database doesn't answer."), 503, "The database doesn't answer."},
		{errs.TooMany(90*time.Second, "Too many tries."), 429, "Too many tries."},
	} {
		f := a.failureOf(context.Background(), c.err)
		if f.status != c.status || f.Body.Message != c.says || strings.Contains(f.Body.Detail, "secret") {
			t.Errorf("%v: %+v", c.err, f)
		}
	}
	if f := a.failureOf(context.Background(), errs.TooMany(90*time.Second, "Too many tries.")); f.headers.Get("Retry-After") != "90" {
		t.Errorf("%v", f.headers)
	}
}

// A sensitive action by a credential whose step is too old: RFC 9470, with a
// quarter of an hour.
func TestAFreshStepIsRFC9470s(t *testing.T) {
	a := &API{Config: Config{URL: "https://code.test"}}
	actor := access.Actor{
		Credential: access.OAuthToken, CredentialID: "t", User: "alice", Scopes: access.Scopes(),
		Evidence: access.Evidence{Factors: access.Factors{TOTP: true}},
	}
	tried := 0
	for _, action := range access.Actions() {
		if !action.Sensitive() || action.Scope() == "" {
			continue
		}
		tried++
		v := access.Decide(actor, access.Policy{}, access.Resource{Exists: true, Permission: access.Admin}, action, time.Now())
		f := a.failureOf(context.Background(), &access.Refusal{Verdict: v, Action: action, WorkspaceSlug: "acme"})
		challenge := f.headers.Get("WWW-Authenticate")
		if f.status != http.StatusUnauthorized || !strings.Contains(challenge, `error="insufficient_user_authentication"`) ||
			!strings.Contains(challenge, `max_age="900"`) || !strings.Contains(challenge, `acr_values="aal2"`) || f.Body.Data.Reason != "fresh_step_needed" {
			t.Errorf("%v: %d %s %+v", action, f.status, challenge, f.Body)
		}
	}
	if tried < 2 {
		t.Errorf("only %d actions were tried", tried)
	}
}

// Every reason has its message, its code and, where a person can put it right,
// the page for it.
func TestEveryRefusalToPrograms(t *testing.T) {
	a := &API{Config: Config{URL: "https://code.test"}}
	for _, c := range codetest.Refusals() {
		f := a.failureOf(context.Background(), &c.Refusal)
		if f.status != c.API || f.Body.Message == "" {
			t.Errorf("%s: %d %q", c.Reason, f.status, f.Body.Message)
		}
		if c.Outcome == access.Hidden {
			if f.Body.Data != nil {
				t.Errorf("what is hidden says why: %+v", f.Body.Data)
			}
			continue
		}
		if f.Body.Data.Reason != string(c.Reason) || (c.FixPath() != "") != (f.Body.Data.URL != "") {
			t.Errorf("%s: %+v", c.Reason, f.Body.Data)
		}
		if text := f.Body.Message + " " + f.Body.Detail; c.Outcome != access.Unauthenticated && !strings.Contains(text, c.Sentence()) {
			t.Errorf("%s: %q doesn't name the rule", c.Reason, text)
		}
		if (f.headers.Get("WWW-Authenticate") != "") != (f.status == http.StatusUnauthorized || c.Reason == access.ReasonScope) {
			t.Errorf("%s: %v", c.Reason, f.headers)
		}
	}
}
