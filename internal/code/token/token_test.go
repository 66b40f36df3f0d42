package token_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/token"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

func TestTokensAreMadeListedRenamedAndRevoked(t *testing.T) {
	each(t, func(w *world) {
		for _, k := range kinds {
			var seen int64
			w.audited(&seen)
			w.mails()
			made, plain := w.make(k)
			if !made.Expires.Equal(w.Now.Now().Add(90*24*time.Hour)) || !w.works(plain) {
				w.Errorf("%s: %+v", k.credential, made)
			}
			if mails := w.mails(); len(mails) != 1 || !strings.HasPrefix(mails[0], "alice@example.com: A new ") {
				w.Errorf("%s: %v", k.credential, mails)
			}
			if err := w.Rename(w.Context(), w.manage(k), made.ID, " builds "); err != nil {
				w.Error(err)
			}
			w.is(w.Rename(w.Context(), w.manage(k), made.ID, "\n"), errs.KindInvalid, "an empty name")
			listed := w.list(k)
			if len(listed) != 1 || listed[0].Name != "builds" || listed[0].By != "alice" || listed[0].Rotated() || !cmp.Equal(listed[0].Scopes, made.Scopes) {
				w.Errorf("%s: %+v", k.credential, listed)
			}
			stored, err := db.All[string](w.Context(), w.Code.DB, `SELECT hash FROM token`)
			if err != nil || strings.Contains(strings.Join(stored, " "), plain) {
				w.Errorf("the token is stored, %v", err)
			}
			if err := w.Revoke(w.Context(), w.manage(k), made.ID); err != nil || w.works(plain) || len(w.list(k)) != 0 {
				w.Errorf("%s is revoked: %v", k.credential, err)
			}
			w.is(w.Revoke(w.Context(), w.manage(k), made.ID), errs.KindNotFound, "again")
			if diff := cmp.Diff([]string{"token.created", "token.renamed", "token.revoked"}, w.audited(&seen)); diff != "" {
				w.Error(diff)
			}
		}
		records, err := w.Code.Audit.Read(w.Context(), "", 0, 1000)
		if err != nil {
			w.Fatal(err)
		}
		for _, r := range records {
			for _, k := range kinds {
				if strings.Contains(r.Detail, k.prefix) {
					w.Errorf("a token is in the audit log: %s", r.Detail)
				}
			}
		}
	})
}

// A rotated token keeps its name and scopes, has its whole life again, and its
// old secret stops at once; an expired one comes back so too.
func TestRotating(t *testing.T) {
	each(t, func(w *world) {
		for _, k := range kinds {
			made, old := w.make(k)
			for _, pass := range []time.Duration{40 * 24 * time.Hour, 100 * 24 * time.Hour} {
				w.Now.Advance(pass)
				w.comesBack(w.alice)
				w.mails()
				rotated, plain, err := w.Rotate(w.Context(), w.manage(k), made.ID)
				if err != nil {
					w.Fatal(err)
				}
				now := w.Now.Now()
				want := made
				want.Issued, want.Expires = now, now.Add(90*24*time.Hour)
				got := w.list(k)[0]
				if rotated.By = "alice"; !cmp.Equal(rotated, got) {
					w.Error(cmp.Diff(rotated, got))
				}
				if want.By = "alice"; !cmp.Equal(want, got) {
					w.Error(cmp.Diff(want, got))
				}
				if w.works(old) || !w.works(plain.Reveal()) || !strings.HasPrefix(plain.Reveal(), k.prefix) {
					w.Errorf("%s: old %t, new %t", k.credential, w.works(old), w.works(plain.Reveal()))
				}
				if mails := w.mails(); len(mails) != 1 || !strings.HasSuffix(mails[0], "got a new secret") {
					w.Errorf("%s: %v", k.credential, mails)
				}
				old = plain.Reveal()
			}
		}
	})
}

// Nobody touches a token by another's grant: a person's by another person, a
// workspace's or repository's by another one's owner.
func TestTokensStayWithTheirHolder(t *testing.T) {
	each(t, func(w *world) {
		if _, err := w.Workspaces.Create(w.Context(), w.bob.Grant(access.CreateWorkspace, self), "beta", "Beta"); err != nil {
			w.Fatal(err)
		}
		lib := access.Target{Workspace: "acme", Repository: "lib"}
		others := map[access.Credential]access.Grant{
			access.APIToken:        w.bob.Grant(access.ManageTokens, self),
			access.WorkspaceToken:  w.bob.Grant(access.ManageWorkspaceTokens, access.Target{Workspace: "beta"}),
			access.RepositoryToken: w.alice.Grant(access.ManageRepositoryTokens, lib),
		}
		for _, k := range kinds {
			made, plain := w.make(k)
			for _, other := range kinds {
				g := w.manage(other)
				if other.credential == k.credential {
					g = others[k.credential]
				}
				_, _, err := w.Rotate(w.Context(), g, made.ID)
				w.is(err, errs.KindNotFound, "rotating")
				w.is(w.Rename(w.Context(), g, made.ID, "mine"), errs.KindNotFound, "renaming")
				w.is(w.Revoke(w.Context(), g, made.ID), errs.KindNotFound, "revoking")
				tokens, err := w.List(w.Context(), g)
				if err != nil || slices.ContainsFunc(tokens, func(t token.Token) bool { return t.ID == made.ID }) {
					w.Errorf("%s is listed among %v's, %v", k.credential, g.Action(), err)
				}
			}
			if !w.works(plain) {
				w.Errorf("%s has stopped", k.credential)
			}
		}
	})
}

func TestEachFunctionWantsItsGrant(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		for _, g := range []access.Grant{{}, w.alice.Grant(access.ReadWorkspace, acme), w.alice.Grant(access.WriteRepository, app), w.alice.Grant(access.ManageFactors, self)} {
			_, _, created := w.Create(ctx, g, token.Input{Name: "n", Scopes: access.Scopes()})
			_, _, rotated := w.Rotate(ctx, g, "x")
			_, listed := w.List(ctx, g)
			for what, err := range map[string]error{
				"Create": created, "Rotate": rotated, "List": listed,
				"Rename": w.Rename(ctx, g, "x", "n"), "Revoke": w.Revoke(ctx, g, "x"),
			} {
				if err == nil || !strings.Contains(err.Error(), access.ErrNoGrant.Error()) {
					w.Errorf("%s with a grant for %v: %v", what, g.Action(), err)
				}
			}
		}
		// Reading the list is no leave to change it.
		for _, k := range kinds {
			if _, _, err := w.Create(ctx, w.alice.Grant(k.read, k.target), token.Input{Name: "n", Scopes: access.Scopes()}); err == nil {
				w.Errorf("%v makes a token", k.read)
			}
		}
	})
}

func TestBadInput(t *testing.T) {
	each(t, func(w *world) {
		g, now, all := w.manage(kinds[0]), w.Now.Now(), access.Scopes()
		for what, in := range map[string]token.Input{
			"name: none":       {Scopes: all},
			"name: long":       {Name: strings.Repeat("ä", 101), Scopes: all},
			"name: control":    {Name: "a\nb", Scopes: all},
			"name: not UTF-8":  {Name: "a\xff", Scopes: all},
			"scopes: none":     {Name: "n"},
			"scopes: unknown":  {Name: "n", Scopes: []access.Scope{"all"}},
			"expires: past":    {Name: "n", Scopes: all, Expires: now},
			"expires: too far": {Name: "n", Scopes: all, Expires: now.Add(367 * 24 * time.Hour)},
		} {
			_, _, err := w.Create(w.Context(), g, in)
			field, _, _ := strings.Cut(what, ":")
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)[field] == "" {
				w.Errorf("%s: %v", what, err)
			}
		}
		// What belongs to nobody has no user to read, and what is bound to a
		// repository no workspace.
		for k, scope := range map[int]access.Scope{1: access.ScopeReadUser, 2: access.ScopeReadWorkspace} {
			_, _, err := w.Create(w.Context(), w.manage(kinds[k]), token.Input{Name: "n", Scopes: []access.Scope{scope}})
			w.is(err, errs.KindInvalid, string(kinds[k].credential))
		}
		twice := []access.Scope{access.ScopeReadUser, access.ScopeReadUser}
		made, _, err := w.Create(w.Context(), g, token.Input{Name: "n", Scopes: twice, Expires: now.AddDate(1, 0, 0)})
		if err != nil || len(made.Scopes) != 1 {
			w.Errorf("%+v, %v", made, err)
		}
	})
}

// A machine credential opens what it is bound to and nothing else, within its
// scopes; and nothing at all where the workspace refuses its kind.
func TestMachinesStayWithinTheirBounds(t *testing.T) {
	each(t, func(w *world) {
		if _, err := w.Workspaces.Create(w.Context(), w.alice.Grant(access.CreateWorkspace, self), "beta", "Beta"); err != nil {
			w.Fatal(err)
		}
		if _, err := w.repos.Create(w.Context(), w.alice.Grant(access.CreateRepository, access.Target{Workspace: "beta"}), repoInput("app")); err != nil {
			w.Fatal(err)
		}
		_, wide := w.make(kinds[1])
		_, narrow := w.make(kinds[1], access.ScopeReadRepository)
		_, one := w.make(kinds[2], access.ScopeReadRepository, access.ScopeWriteRepository)
		check := func(plain string, workspace, repository string, action access.Action) access.Reason {
			actor, err := w.FromBearer(w.Context(), plain, here)
			if err != nil {
				w.Fatal(err)
			}
			actor.Door = access.API
			_, err = w.Gate.Check(w.Context(), actor, access.Target{Workspace: workspace, Repository: repository}, action)
			if err == nil {
				return access.ReasonAllowed
			}
			return refusalOf(w, err).Reason
		}
		for _, c := range []struct {
			what, plain, workspace, repository string
			action                             access.Action
			want                               access.Reason
		}{
			{"its workspace", wide, "acme", "", access.ReadWorkspace, access.ReasonAllowed},
			{"a repository of it", wide, "acme", "lib", access.WriteRepository, access.ReasonAllowed},
			{"making a repository", wide, "acme", "", access.CreateRepository, access.ReasonAllowed},
			{"members", wide, "acme", "", access.ManageMembers, access.ReasonScope},
			{"the rules", wide, "acme", "", access.ManageAccess, access.ReasonScope},
			{"another workspace", wide, "beta", "", access.ReadWorkspace, access.ReasonNotFound},
			{"a repository of another", wide, "beta", "app", access.ReadRepository, access.ReasonNotFound},
			{"no workspace", wide, "none", "", access.ReadWorkspace, access.ReasonNotFound},
			{"no repository", wide, "acme", "none", access.ReadRepository, access.ReasonNotFound},
			{"the maker's settings", wide, "", "", access.ReadSelf, access.ReasonNotFound},
			{"reading within the scope", narrow, "acme", "app", access.ReadRepository, access.ReasonAllowed},
			{"writing beyond it", narrow, "acme", "app", access.WriteRepository, access.ReasonScope},
			{"its repository", one, "acme", "app", access.WriteRepository, access.ReasonAllowed},
			{"another of the workspace", one, "acme", "lib", access.ReadRepository, access.ReasonNotFound},
			{"one of the same name elsewhere", one, "beta", "app", access.ReadRepository, access.ReasonNotFound},
			{"the workspace around it", one, "acme", "", access.ReadWorkspace, access.ReasonNotFound},
			{"the list around it", one, "acme", "", access.ListRepositories, access.ReasonNotFound},
			{"what is public", one, "acme", "site", access.ReadRepository, access.ReasonAllowed},
			{"writing what is public", one, "acme", "site", access.WriteRepository, access.ReasonPermission},
		} {
			if got := check(c.plain, c.workspace, c.repository, c.action); got != c.want {
				w.Errorf("%s: %s, want %s", c.what, got, c.want)
			}
		}
		policy := access.Policy{RefuseMachines: true, AskAgain: access.DefaultAskAgain}
		if err := w.Workspaces.SetPolicy(w.Context(), w.alice.Grant(access.ManageAccess, acme), policy); err != nil {
			w.Fatal(err)
		}
		for what, plain := range map[string]string{"a workspace's": wide, "a repository's": one} {
			if got := check(plain, "acme", "app", access.ReadRepository); got != access.ReasonMachine {
				w.Errorf("%s where machines are refused: %s", what, got)
			}
		}
		w.sql(`DELETE FROM repository WHERE slug = 'app'`)
		if w.works(one) || !w.works(wide) {
			w.Error("a repository's token outlives it")
		}
	})
}

// Attack 36: no credential is minted without the evidence that it stands for:
// not by a password or a token, not by a session without the step, and not by
// one whose step is over 15 minutes ago.
func TestAttack36NoCredentialMintsAnother(t *testing.T) {
	each(t, func(w *world) {
		mint := []access.Action{access.ManageTokens, access.ManageWorkspaceTokens, access.ManageRepositoryTokens, access.ManageFactors}
		for _, k := range kinds {
			_, plain := w.make(k)
			actor, err := w.FromBearer(w.Context(), plain, here)
			if err != nil {
				w.Fatal(err)
			}
			for _, door := range []access.Door{access.Web, access.API, access.GitHTTP} {
				actor.Door = door
				for _, action := range mint {
					if _, err := w.Gate.Check(w.Context(), actor, targetOf(action), action); err == nil {
						w.Errorf("%s with every scope: %v at %s", k.credential, action, door)
					}
				}
			}
		}
		for _, action := range mint {
			if action.Scope() != "" || !action.Sensitive() {
				w.Errorf("%v: scope %q, sensitive %t", action, action.Scope(), action.Sensitive())
			}
		}
		for _, password := range []string{"correct horse battery staple", ""} {
			for _, name := range []string{"alice", "alice@example.com", "x-token-auth"} {
				if _, err := w.FromBasic(w.Context(), name, password, here); !errs.Is(err, errs.KindUnauthenticated) {
					w.Errorf("the password of %s: %v", name, err)
				}
			}
		}
		w.alice.Enrol()
		for _, want := range []access.Outcome{access.Allow, access.Renew} {
			for _, k := range kinds {
				if got := w.outcome(w.alice, k.target, k.manage); got != want {
					w.Errorf("%v: %s, want %s", k.manage, got, want)
				}
			}
			w.Now.Advance(16 * time.Minute)
		}
		w.comesBack(w.alice)
		for _, k := range kinds {
			if got := w.outcome(w.alice, k.target, k.manage); got != access.Verify {
				w.Errorf("a session without the step, %v: %s", k.manage, got)
			}
		}
	})
}

func TestLastUseIsWrittenOffTheRequest(t *testing.T) {
	each(t, func(w *world) {
		for _, k := range kinds {
			_, plain := w.make(k)
			if !w.works(plain) || !w.list(k)[0].LastUsed.IsZero() {
				w.Error("a request wrote")
			}
			if err := w.Flush(w.Context()); err != nil {
				w.Fatal(err)
			}
			if got := w.list(k)[0]; !got.LastUsed.Equal(w.Now.Now()) || got.LastFrom != here.String() {
				w.Errorf("%+v", got)
			}
			w.Now.Advance(time.Hour)
			if !w.works(plain) {
				w.Error("it has stopped")
			}
			ctx, stop := context.WithCancel(w.Context())
			stop()
			w.Run(ctx) // a graceful stop loses nothing
			if got := w.list(k)[0]; !got.LastUsed.Equal(w.Now.Now()) {
				w.Errorf("after the stop: %+v", got)
			}
		}
	})
}

func TestTheOperatorMakesATokenForAUser(t *testing.T) {
	each(t, func(w *world) {
		w.mails()
		in := token.Input{Name: "laptop", Scopes: []access.Scope{access.ScopeReadUser}}
		_, plain, err := w.CreateFor(w.Context(), "alice", in)
		if err != nil || !w.works(plain.Reveal()) {
			w.Fatal(err)
		}
		if mails := w.mails(); len(mails) != 1 || w.list(kinds[0])[0].By != "operator" {
			w.Errorf("she isn't told: %v", mails)
		}
		for _, name := range []string{"nobody", w.alice.ID} {
			_, _, err = w.CreateFor(w.Context(), name, in)
			w.is(err, errs.KindNotFound, name)
		}
	})
}
