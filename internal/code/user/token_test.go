package user_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

func (p *person) token(in user.TokenInput) (user.Token, string) {
	p.Helper()
	token, plain, err := p.CreateToken(p.Context(), p.grant(access.ManageTokens), in)
	if err != nil {
		p.Fatal(err)
	}
	return token, plain.Reveal()
}

var laptop = user.TokenInput{Name: "laptop", Scopes: []access.Scope{access.ScopeWriteRepository, access.ScopeReadUser}}

// Attack 7: the same token, whichever way it comes, is the same actor.
func TestOneTokenOneActor(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		token, plain := alice.token(laptop)
		bearer, err := w.FromBearer(w.Context(), plain, here)
		if err != nil {
			w.Fatal(err)
		}
		want := access.Actor{
			Credential: access.APIToken, CredentialID: token.ID, User: alice.actorOf(alice.session).User, Address: here,
			Scopes: []access.Scope{access.ScopeReadUser, access.ScopeWriteRepository},
		}
		same := cmpopts.EquateComparable(here)
		if diff := cmp.Diff(want, bearer, same); diff != "" {
			w.Error(diff)
		}
		for _, name := range []string{"x-token-auth", "x-bitbucket-api-token-auth", "alice", "Alice", "alice@example.com", "ALICE@Example.com"} {
			basic, err := w.FromBasic(w.Context(), name, plain, here)
			if diff := cmp.Diff(bearer, basic, same); err != nil || diff != "" {
				w.Errorf("as %s: %v\n%s", name, err, diff)
			}
		}
		w.signUp("bob")
		for _, name := range []string{"bob", "bob@example.com", "", "alice@", "X-Token-Auth ", alice.id.Subject, want.User} {
			_, err := w.FromBasic(w.Context(), name, plain, here)
			w.is(err, errs.KindUnauthenticated, "her token as "+name)
		}
	})
}

func TestNoAddressIsNoUserName(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		alice.id.Email = ""
		alice.session = alice.signIn()
		_, plain := alice.token(laptop)
		_, err := w.FromBasic(w.Context(), "", plain, here)
		w.is(err, errs.KindUnauthenticated, "no user name")
		if mails := w.subjects(); len(mails) != 0 {
			w.Errorf("mails to nowhere: %v", mails)
		}
	})
}

func TestWrongTokensGetOneAnswer(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		revoked, revokedPlain := alice.token(laptop)
		_, expiredPlain := alice.token(user.TokenInput{Name: "short", Scopes: access.Scopes(), Expires: w.now.Now().Add(time.Hour)})
		_, goodPlain := alice.token(laptop)
		if err := w.RevokeToken(w.Context(), alice.grant(access.ManageTokens), revoked.ID); err != nil {
			w.Fatal(err)
		}
		if _, err := w.FromBearer(w.Context(), expiredPlain, here); err != nil {
			w.Errorf("before it expires: %v", err)
		}
		w.now.Advance(time.Hour)
		_, unknown := w.FromBearer(w.Context(), "spt_unknown", here)
		w.is(unknown, errs.KindUnauthenticated, "unknown")
		for _, token := range []string{revokedPlain, expiredPlain, "", "spw_x", goodPlain + "x", goodPlain[:len(goodPlain)-1], strings.TrimPrefix(goodPlain, "spt_"), "\xff"} {
			_, err := w.FromBearer(w.Context(), token, here)
			if err == nil || err.Error() != unknown.Error() {
				w.Errorf("%q: %v", token, err)
			}
		}
		_, err := w.FromBasic(w.Context(), "bob", goodPlain, here)
		if err == nil || err.Error() != unknown.Error() {
			w.Errorf("another's name: %v", err)
		}
		if tokens := w.tokensOf(alice); len(tokens) != 2 || !tokens[1].Expired(w.now.Now()) || tokens[0].Expired(w.now.Now()) {
			w.Errorf("%+v", tokens)
		}
	})
}

func TestAPasswordIsToldApart(t *testing.T) {
	each(t, func(w *world) {
		w.signUp("alice")
		for _, password := range []string{"hunter2hunter2hunter2", "", "SPT_x", " spt_x"} {
			_, err := w.FromBasic(w.Context(), "alice", password, here)
			if !errors.Is(err, user.ErrPassword) || !errs.Is(err, errs.KindUnauthenticated) {
				w.Errorf("%q: %v", password, err)
			}
		}
		for _, token := range []string{"spt_x", "spw_x", "spr_x"} {
			if _, err := w.FromBasic(w.Context(), "alice", token, here); errors.Is(err, user.ErrPassword) {
				w.Errorf("%q is taken for a password", token)
			}
		}
	})
}

func TestTokensAreMadeAndRevoked(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		w.subjects()
		var seen int64
		w.audited(&seen)
		made, plain := alice.token(laptop)
		if !strings.HasPrefix(plain, "spt_") || len(plain) != 47 || !made.Expires.Equal(w.now.Now().Add(90*24*time.Hour)) {
			w.Errorf("%s, %+v", plain, made)
		}
		if diff := cmp.Diff([]string{"alice@example.com: A new API token was made"}, w.subjects()); diff != "" {
			w.Error(diff)
		}
		if tokens := w.tokensOf(alice); len(tokens) != 1 || !cmp.Equal(tokens[0], made) {
			w.Errorf("%+v, made %+v", tokens, made)
		}
		if tokens := w.tokensOf(bob); len(tokens) != 0 {
			w.Errorf("bob's: %+v", tokens)
		}
		w.is(w.RevokeToken(w.Context(), bob.grant(access.ManageTokens), made.ID), errs.KindNotFound, "bob revoking alice's")
		if err := w.RevokeToken(w.Context(), alice.grant(access.ManageTokens), made.ID); err != nil {
			w.Error(err)
		}
		w.is(w.RevokeToken(w.Context(), alice.grant(access.ManageTokens), made.ID), errs.KindNotFound, "again")
		if diff := cmp.Diff([]string{"token.created", "token.revoked"}, w.audited(&seen)); diff != "" {
			w.Error(diff)
		}
		records, err := w.Audit.Read(w.Context(), "", 0, 100)
		if err != nil || strings.Contains(records[len(records)-2].Detail, plain) {
			w.Errorf("the token is in the audit log, %v", err)
		}
		stored, err := db.All[string](w.Context(), w.DB, `SELECT hash FROM api_token`)
		if err != nil || strings.Contains(strings.Join(stored, " "), plain) {
			w.Errorf("the token is stored, %v", err)
		}
	})
}

func TestBadTokenInput(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		g := alice.grant(access.ManageTokens)
		now := w.now.Now()
		for what, in := range map[string]user.TokenInput{
			"name: none":       {Scopes: access.Scopes()},
			"name: long":       {Name: strings.Repeat("ä", 101), Scopes: access.Scopes()},
			"name: control":    {Name: "a\nb", Scopes: access.Scopes()},
			"name: not UTF-8":  {Name: "a\xff", Scopes: access.Scopes()},
			"scopes: none":     {Name: "n"},
			"scopes: unknown":  {Name: "n", Scopes: []access.Scope{"all"}},
			"expires: past":    {Name: "n", Scopes: access.Scopes(), Expires: now},
			"expires: too far": {Name: "n", Scopes: access.Scopes(), Expires: now.Add(367 * 24 * time.Hour)},
		} {
			_, _, err := w.CreateToken(w.Context(), g, in)
			field, _, _ := strings.Cut(what, ":")
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)[field] == "" {
				w.Errorf("%s: %v", what, err)
			}
		}
		made, _ := alice.token(user.TokenInput{Name: "n", Scopes: []access.Scope{access.ScopeReadUser, access.ScopeReadUser}, Expires: now.AddDate(1, 0, 0)})
		if len(made.Scopes) != 1 {
			w.Errorf("%+v", made)
		}
	})
}

// Attack 36: no credential is minted without the evidence that it stands for.
func TestATokenNeedsTheStepAndATokenMakesNone(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		_, plain := alice.token(user.TokenInput{Name: "all", Scopes: access.Scopes()})
		alice.enrol()
		if _, err := alice.check(alice.signIn(), access.Target{}, access.ManageTokens); err == nil {
			w.Error("a session without the step may make a token")
		}
		actor, err := w.FromBearer(w.Context(), plain, here)
		if err != nil {
			w.Fatal(err)
		}
		for _, action := range []access.Action{access.ManageTokens, access.ManageFactors, access.TurnOffTwoStep, access.CreateWorkspace, access.AcceptInvitation} {
			if _, err := w.gate.Check(w.Context(), actor, access.Target{}, action); err == nil {
				w.Errorf("a token with every scope may %v", action)
			}
		}
	})
}

func TestLastUseIsWrittenOffTheRequest(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		token, plain := alice.token(laptop)
		if _, err := w.FromBearer(w.Context(), plain, here); err != nil {
			w.Fatal(err)
		}
		if used := w.tokensOf(alice)[0].LastUsed; !used.IsZero() {
			w.Error("a request wrote")
		}
		if err := w.Flush(w.Context()); err != nil {
			w.Fatal(err)
		}
		first := w.now.Now()
		if got := w.tokensOf(alice)[0]; !got.LastUsed.Equal(first) || got.LastFrom != here.String() {
			w.Errorf("%+v", got)
		}
		w.now.Advance(30 * time.Second) // within the minute it isn't noted again
		if _, err := w.FromBearer(w.Context(), plain, here); err != nil {
			w.Fatal(err)
		}
		if err := w.Flush(w.Context()); err != nil {
			w.Fatal(err)
		}
		if got := w.tokensOf(alice)[0]; !got.LastUsed.Equal(first) {
			w.Errorf("%+v", got)
		}
		w.now.Advance(30 * time.Second)
		if _, err := w.FromBearer(w.Context(), plain, here); err != nil {
			w.Fatal(err)
		}
		if err := w.RevokeToken(w.Context(), alice.grant(access.ManageTokens), token.ID); err != nil {
			w.Fatal(err)
		}
		ctx, stop := context.WithCancel(w.Context())
		stop()
		w.Service.Run(ctx) // revoked meanwhile: nothing to write, and nothing goes wrong
	})
}

func TestTheOperatorMakesATokenForAUser(t *testing.T) {
	each(t, func(w *world) {
		w.signUp("alice")
		w.subjects()
		_, plain, err := w.CreateTokenFor(w.Context(), "alice", laptop)
		if err != nil {
			w.Fatal(err)
		}
		if _, err := w.FromBearer(w.Context(), plain.Reveal(), here); err != nil {
			w.Error(err)
		}
		if mails := w.subjects(); len(mails) != 1 {
			w.Errorf("she isn't told: %v", mails)
		}
		_, _, err = w.CreateTokenFor(w.Context(), "nobody", laptop)
		w.is(err, errs.KindNotFound, "an unknown user")
	})
}
