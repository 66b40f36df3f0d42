package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/codetest"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
)

func repoInput(name string) repo.Input { return repo.Input{Name: name} }

func targetOf(action access.Action) access.Target {
	return map[access.Content]access.Target{access.Self: self, access.Workspace: acme, access.Repository: app}[action.Content()]
}

func refusalOf(w *world, err error) *access.Refusal {
	w.Helper()
	refusal, ok := errors.AsType[*access.Refusal](err)
	if !ok {
		w.Fatal(err)
	}
	return refusal
}

// outcome is what the gate says to a person's browser.
func (w *world) outcome(p *codetest.Person, target access.Target, action access.Action) access.Outcome {
	w.Helper()
	actor, _, err := w.Users.FromSession(w.Context(), p.Session, here)
	if err != nil {
		w.Fatal(err)
	}
	actor.Door = access.Web
	if _, err := w.Gate.Check(w.Context(), actor, target, action); err != nil {
		return refusalOf(w, err).Outcome
	}
	return access.Allow
}

// comesBack opens a new session, in which no step was taken yet.
func (w *world) comesBack(p *codetest.Person) {
	w.Helper()
	id := user.Identity{Issuer: p.Issuer, Subject: p.Subject, Email: p.Email, EmailVerified: true, Name: p.Name}
	session, err := w.Users.OpenSession(w.Context(), id, user.SessionInfo{Address: here})
	if err != nil {
		w.Fatal(err)
	}
	p.Session = session.Token
}

var same = cmpopts.EquateComparable(here)

// One token is one actor, whichever way it comes.
func TestOneTokenOneActor(t *testing.T) {
	each(t, func(w *world) {
		ids := map[access.Content]string{}
		ids[access.Workspace] = w.alice.Grant(access.ReadWorkspace, acme).Workspace().ID
		ids[access.Repository] = w.alice.Grant(access.ReadRepository, app).Repository().ID
		for _, k := range kinds {
			made, plain := w.make(k)
			want := access.Actor{Credential: k.credential, CredentialID: made.ID, Address: here, Scopes: made.Scopes}
			names := []string{"x-token-auth", "x-bitbucket-api-token-auth"}
			wrong := []string{"bob", "bob@example.com", "", "alice@", "X-Token-Auth ", w.alice.Subject + "/", w.alice.ID, "x-access-token"}
			switch k.credential {
			case access.APIToken:
				want.User = w.alice.ID
				names = append(names, "alice", "Alice", "alice@example.com", "ALICE@Example.com")
			case access.RepositoryToken:
				want.Repository = ids[access.Repository]
				fallthrough
			default: // it belongs to nobody, so nobody's name goes with it
				want.Workspace = ids[access.Workspace]
				wrong = append(wrong, "alice", "alice@example.com", "acme")
			}
			bearer, err := w.FromBearer(w.Context(), plain, here)
			if diff := cmp.Diff(want, bearer, same); err != nil || diff != "" {
				w.Errorf("%v\n%s", err, diff)
			}
			for _, name := range names {
				basic, err := w.FromBasic(w.Context(), name, plain, here)
				if diff := cmp.Diff(want, basic, same); err != nil || diff != "" {
					w.Errorf("%s as %q: %v\n%s", k.credential, name, err, diff)
				}
			}
			for _, name := range wrong {
				_, err := w.FromBasic(w.Context(), name, plain, here)
				w.is(err, errs.KindUnauthenticated, string(k.credential)+" as "+name)
			}
		}
	})
}

// Attack 32: nobody can take the name of an id, or one by which tokens come;
// and where somebody has one from elsewhere, it changes nothing.
func TestAttack32ANameIsNoID(t *testing.T) {
	each(t, func(w *world) {
		made, plain := w.make(kinds[0])
		for _, name := range []string{
			"x-token-auth", "x-bitbucket-api-token-auth", "X-Token-Auth", "x-access-token", "oauth2",
			w.alice.ID, strings.ToUpper(w.alice.ID), strings.ReplaceAll(w.alice.ID, "-", ""), made.ID, "{" + w.alice.ID + "}",
		} {
			_, err := w.Users.Create(w.Context(), user.Identity{Issuer: "https://id.test", Subject: "mallory"}, name)
			w.is(err, errs.KindInvalid, name)
		}
		mallory := w.Person("mallory")
		_, hers, err := w.CreateFor(w.Context(), "mallory", token.Input{Name: "n", Scopes: access.Scopes()})
		if err != nil {
			w.Fatal(err)
		}
		for _, name := range []string{"x-token-auth", w.alice.ID} {
			w.sql(`UPDATE code_user SET username = $2 WHERE id = $1`, mallory.ID, name)
			for _, c := range []struct{ plain, owner string }{{plain, w.alice.ID}, {hers.Reveal(), mallory.ID}} {
				actor, err := w.FromBasic(w.Context(), "x-token-auth", c.plain, here)
				if err != nil || actor.User != c.owner {
					w.Errorf("with a user named %q: %+v, %v", name, actor, err)
				}
			}
			if name != "x-token-auth" {
				_, err := w.FromBasic(w.Context(), name, plain, here)
				w.is(err, errs.KindUnauthenticated, "alice's token by the name of her id")
			}
		}
	})
}

func TestWrongTokensGetOneAnswer(t *testing.T) {
	each(t, func(w *world) {
		_, unknown := w.FromBearer(w.Context(), "spt_unknown", here)
		w.is(unknown, errs.KindUnauthenticated, "unknown")
		for _, k := range kinds {
			revoked, revokedPlain := w.make(k)
			if err := w.Revoke(w.Context(), w.manage(k), revoked.ID); err != nil {
				w.Fatal(err)
			}
			in := token.Input{Name: "short", Scopes: access.ScopesFor(k.credential), Expires: w.Now.Now().Add(time.Hour)}
			_, short, err := w.Create(w.Context(), w.manage(k), in)
			if err != nil || !w.works(short.Reveal()) {
				w.Fatal(err)
			}
			_, good := w.make(k)
			w.Now.Advance(time.Hour)
			for _, plain := range []string{
				revokedPlain, short.Reveal(), "", k.prefix, k.prefix + "x", good + "x", good[:len(good)-1], strings.TrimPrefix(good, k.prefix), "\xff",
			} {
				if _, err := w.FromBearer(w.Context(), plain, here); err == nil || err.Error() != unknown.Error() {
					w.Errorf("%q: %v", plain, err)
				}
			}
			if _, err := w.FromBasic(w.Context(), "bob", good, here); err == nil || err.Error() != unknown.Error() {
				w.Errorf("another's name: %v", err)
			}
			if tokens := w.list(k); len(tokens) != 2 || !tokens[1].Expired(w.Now.Now()) || tokens[0].Expired(w.Now.Now()) {
				w.Errorf("%+v", tokens)
			}
		}
	})
}

func TestAPasswordIsToldApart(t *testing.T) {
	each(t, func(w *world) {
		for _, password := range []string{"hunter2hunter2hunter2", "", "SPT_x", " spt_x"} {
			_, err := w.FromBasic(w.Context(), "alice", password, here)
			if !errors.Is(err, token.ErrPassword) || !errs.Is(err, errs.KindUnauthenticated) {
				w.Errorf("%q: %v", password, err)
			}
		}
		for _, plain := range []string{"spt_x", "spw_x", "spr_x"} {
			if _, err := w.FromBasic(w.Context(), "alice", plain, here); errors.Is(err, token.ErrPassword) {
				w.Errorf("%q is taken for a password", plain)
			}
		}
	})
}

func TestNoAddressIsNoUserName(t *testing.T) {
	each(t, func(w *world) {
		w.sql(`UPDATE code_user SET email = ''`)
		w.mails()
		_, plain := w.make(kinds[0])
		_, err := w.FromBasic(w.Context(), "", plain, here)
		w.is(err, errs.KindUnauthenticated, "no user name")
		if mails := w.mails(); len(mails) != 0 {
			w.Errorf("mails to nowhere: %v", mails)
		}
	})
}

// Attack 15.
func TestAttack15AStoreThatIsDownIsNobodysAnswer(t *testing.T) {
	each(t, func(w *world) {
		_, plain := w.make(kinds[1])
		if !w.works(plain) {
			w.Fatal("it doesn't work")
		}
		w.Code.DB.Close()
		if _, err := w.FromBearer(w.Context(), plain, here); err == nil || errs.Is(err, errs.KindUnauthenticated) {
			w.Error(err)
		}
		if err := w.Flush(w.Context()); err == nil {
			w.Error("the uses were written to nowhere")
		}
	})
}
