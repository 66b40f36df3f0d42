package access

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
)

// Everything that a verdict rests on is read at the time of asking: the same
// actor value meets another answer as soon as a row changes.
func TestCheckReadsEverythingLive(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		alice, tok := session("alice"), token("alice")
		w.allowed(alice, secret, ReadRepository)

		w.require("acme")
		w.expect(alice, secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.expect(tok, secret, WriteRepository, Enrol, ReasonTwoStepRequired)

		w.factor("alice", "totp")
		w.expect(alice, secret, ReadRepository, Verify, ReasonStepNeeded)
		w.allowed(stepped("alice"), secret, ReadRepository)
		w.allowed(tok, secret, WriteRepository)

		w.sql(`UPDATE workspace SET phishing_resistant = TRUE`)
		w.expect(stepped("alice"), secret, ReadRepository, Strengthen, ReasonPhishingResistant)
		w.factor("alice", "webauthn")
		w.expect(stepped("alice"), secret, ReadRepository, Verify, ReasonPhishingResistant)
		w.allowed(tok, secret, ReadRepository)

		w.sql(`DELETE FROM factor WHERE holder = 'alice'`)
		w.expect(stepped("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.expect(tok, secret, ReadRepository, Enrol, ReasonTwoStepRequired)

		w.sql(`UPDATE workspace SET require_two_step = FALSE`)
		w.allowed(alice, secret, ReadRepository)
		w.sql(`UPDATE workspace SET networks = '198.51.100.0/24'`)
		w.expect(alice, secret, ReadRepository, Forbidden, ReasonNetwork)
		w.sql(`UPDATE workspace SET networks = '198.51.100.0/24 192.0.2.0/24'`)
		w.allowed(alice, secret, ReadRepository)

		w.sql(`DELETE FROM member WHERE user_id = 'alice'`)
		w.expect(alice, secret, ReadRepository, Hidden, ReasonNotFound)
		w.expect(tok, secret, ReadRepository, Hidden, ReasonNotFound)
		w.expect(alice, acme, ReadWorkspace, Hidden, ReasonNotFound)
	})
}

func TestCheckReadsRolesLive(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.allowed(session("olga"), acme, ManageMembers)
		w.expect(session("alice"), acme, ManageMembers, Forbidden, ReasonPermission)
		w.sql(`UPDATE member SET role = 'member' WHERE user_id = 'olga'`)
		w.sql(`UPDATE member SET role = 'owner' WHERE user_id = 'alice'`)
		w.expect(session("olga"), acme, ManageMembers, Forbidden, ReasonPermission)
		w.allowed(session("alice"), acme, ManageMembers)
	})
}

func TestCheckReadsVisibilityLive(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		for _, a := range []Actor{{}, session("bob"), session("alice"), {Credential: APIToken, User: "bob"}} {
			w.allowed(a, open, ReadRepository)
		}
		w.expect(session("alice"), open, WriteRepository, Enrol, ReasonTwoStepRequired)
		w.expect(session("bob"), open, WriteRepository, Forbidden, ReasonPermission)
		w.expect(Actor{}, open, WriteRepository, Unauthenticated, ReasonSignedOut)

		w.sql(`UPDATE workspace SET no_public = TRUE`)
		w.expect(session("bob"), open, ReadRepository, Hidden, ReasonNotFound)
		w.expect(session("alice"), open, ReadRepository, Enrol, ReasonTwoStepRequired)
		w.sql(`UPDATE workspace SET no_public = FALSE`)
		w.sql(`UPDATE repository SET public = FALSE`)
		w.expect(Actor{}, open, ReadRepository, Unauthenticated, ReasonSignedOut)
		w.expect(session("bob"), open, ReadRepository, Hidden, ReasonNotFound)
	})
}

// Which rows of factor are enrolment.
func TestWhatCountsAsEnrolled(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		insert := `INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed, failures)
			VALUES ($1, $2, $3, $4, '', $5, 0, $6, $7)`
		for _, c := range []struct {
			name                 string
			realm, holder, kind  string
			confirmed, failures  int
			enrolledTOTP, strong bool
		}{
			{"an authenticator app", "code", "alice", "totp", 1, 0, true, false},
			{"a security key", "code", "alice", "webauthn", 1, 0, false, true},
			{"a set-up that wasn't finished", "code", "alice", "totp", 0, 0, false, false},
			{"a key whose set-up wasn't finished", "code", "alice", "webauthn", 0, 0, false, false},
			{"an app that is off after too many wrong codes", "code", "alice", "totp", 1, 100, true, false},
			{"the account's", "account", "alice", "totp", 1, 0, false, false},
			{"somebody else's", "code", "bob", "totp", 1, 0, false, false},
			{"the account's key", "account", "alice", "webauthn", 1, 0, false, false},
			{"an unknown kind", "code", "alice", "sms", 1, 0, false, false},
			{"another realm that looks alike", "Code", "alice", "totp", 1, 0, false, false},
		} {
			w.sql(`DELETE FROM factor`)
			w.sql(insert, db.NewID(), c.realm, c.holder, c.kind, []byte("x"), c.confirmed, c.failures)
			grant, err := w.gate.Check(t.Context(), token("alice"), self, ReadSelf)
			if want := (Factors{TOTP: c.enrolledTOTP, WebAuthn: c.strong}); err != nil || grant.Actor().Factors != want {
				t.Errorf("%s: %+v, %v; want %+v", c.name, grant.Actor().Factors, err, want)
			}
			if v := w.verdict(token("alice"), secret, ReadRepository); (v.Outcome == Allow) != (c.enrolledTOTP || c.strong) {
				t.Errorf("%s: %+v", c.name, v)
			}
		}
		w.sql(`DELETE FROM factor`)
		w.sql(`INSERT INTO recovery_code (realm, holder, hash) VALUES ('code', 'alice', 'h')`)
		w.expect(token("alice"), secret, ReadRepository, Enrol, ReasonTwoStepRequired)
	})
}

// What a door claims of factors or of the account's opening isn't believed.
func TestCheckBelievesTheStoreNotTheDoor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.require("acme")
		boaster := stepped("alice")
		boaster.Factors, boaster.AccountOpens = Factors{TOTP: true, WebAuthn: true}, true
		boaster.Account = Account{ACR: "aal2", AuthTime: now}
		w.expect(boaster, secret, ReadRepository, Enrol, ReasonTwoStepRequired)

		w.factor("alice", "totp")
		halfway := session("alice")
		halfway.Account, halfway.AccountOpens = boaster.Account, true
		w.expect(halfway, self, ReadSelf, Verify, ReasonStepNeeded)
		w.sql(`UPDATE code_user SET account_opens = TRUE WHERE id = 'alice'`)
		w.allowed(halfway, self, ReadSelf)
		w.expect(halfway, secret, ReadRepository, Verify, ReasonStepNeeded) // the workspace insists
		w.sql(`UPDATE workspace SET accept_account = TRUE`)
		w.allowed(halfway, secret, ReadRepository)
	})
}

func TestCheckTimes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("alice", "totp")
		w.factor("olga", "totp")
		w.require("acme")
		alice, olga := stepped("alice"), stepped("olga")
		w.clock.Advance(15 * time.Minute)
		w.allowed(olga, acme, ManageAccess)
		w.clock.Advance(time.Microsecond)
		w.expect(olga, acme, ManageAccess, Renew, ReasonFreshStep)
		w.allowed(olga, acme, ReadAccess)

		w.clock.Advance(30*24*time.Hour - 15*time.Minute - time.Microsecond)
		w.allowed(alice, secret, ReadRepository)
		w.clock.Advance(time.Microsecond)
		w.expect(alice, secret, ReadRepository, Renew, ReasonStepExpired)
		w.sql(`UPDATE workspace SET ask_again = 0`)
		w.allowed(alice, secret, ReadRepository)
		w.sql(`UPDATE workspace SET ask_again = $1`, time.Hour)
		if v := w.verdict(alice, secret, ReadRepository); v.Reason != ReasonStepExpired || v.MaxAge != time.Hour {
			t.Errorf("after an hour: %+v", v)
		}
	})
}

func TestStoreThatFailsRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		unavailable := func(ctx context.Context, why string) {
			t.Helper()
			for _, action := range Actions() {
				grant, err := w.gate.Check(ctx, stepped("olga"), targetOf(action), action)
				if !errs.Is(err, errs.KindUnavailable) || grant.Require(action) == nil {
					t.Errorf("%s: %v: %v", why, action, err)
				}
				if _, isRefusal := errors.AsType[*Refusal](err); isRefusal {
					t.Errorf("%s: %v: a verdict without facts: %v", why, action, err)
				}
			}
			if _, err := w.gate.Check(ctx, Actor{}, open, ReadRepository); !errs.Is(err, errs.KindUnavailable) {
				t.Errorf("%s: public content: %v", why, err)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		unavailable(ended, "the request is over")
		w.sql(`ALTER TABLE factor RENAME TO factor_away`)
		unavailable(t.Context(), "a table is gone")
		w.sql(`ALTER TABLE factor_away RENAME TO factor`)
		w.allowed(stepped("olga"), acme, ReadAccess)
		if err := w.d.Close(); err != nil {
			t.Fatal(err)
		}
		unavailable(t.Context(), "the store is down")
	})
}

func TestMalformedRowsRefuse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		for _, c := range []struct{ name, breaks, mends string }{
			{"networks", `UPDATE workspace SET networks = 'everywhere'`, `UPDATE workspace SET networks = ''`},
			{"networks, one good", `UPDATE workspace SET networks = '192.0.2.0/24 192.0.2.0/33'`, `UPDATE workspace SET networks = ''`},
			{"networks, IPv4 as IPv6", `UPDATE workspace SET networks = '::ffff:0:0/96'`, `UPDATE workspace SET networks = ''`},
			{"a negative time", `UPDATE workspace SET ask_again = -1`, `UPDATE workspace SET ask_again = 0`},
			{"role", `UPDATE member SET role = 'root' WHERE user_id = 'alice'`, `UPDATE member SET role = 'member' WHERE user_id = 'alice'`},
			{"role, upper case", `UPDATE member SET role = 'OWNER' WHERE user_id = 'alice'`, `UPDATE member SET role = 'member' WHERE user_id = 'alice'`},
		} {
			w.allowed(session("alice"), secret, ReadRepository)
			w.sql(c.breaks)
			grant, err := w.gate.Check(t.Context(), session("alice"), secret, ReadRepository)
			if !errs.Is(err, errs.KindUnavailable) || grant.Require(ReadRepository) == nil {
				t.Errorf("%s: %v", c.name, err)
			}
			w.sql(c.mends)
		}
		if w.d.Engine == db.SQLite { // which keeps anything in any column
			w.sql(`UPDATE workspace SET require_two_step = 'maybe'`)
			if _, err := w.gate.Check(t.Context(), session("alice"), secret, ReadRepository); !errs.Is(err, errs.KindUnavailable) {
				t.Errorf("a switch that is neither on nor off: %v", err)
			}
		}
	})
}

func TestDeletedUserIsNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		for _, a := range []Actor{stepped("ghost"), token("ghost"), {Credential: SSHKey, User: "ghost"}, {Credential: OAuthToken, User: "ghost", Scopes: Scopes()}} {
			for _, action := range Actions() {
				w.expect(a, targetOf(action), action, Unauthenticated, ReasonSignedOut)
			}
			w.allowed(a, open, ReadRepository)
		}
	})
}

func TestSuspendedUserIsNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.factor("olga", "totp")
		w.sql(`UPDATE code_user SET suspended = TRUE WHERE id = 'olga'`)
		for _, c := range []Credential{Session, APIToken, OAuthToken, SSHKey} {
			a := stepped("olga")
			a.Credential, a.Scopes = c, Scopes()
			for _, action := range Actions() {
				w.expect(a, targetOf(action), action, Unauthenticated, ReasonSignedOut)
			}
		}
		w.sql(`UPDATE code_user SET suspended = FALSE WHERE id = 'olga'`)
		w.allowed(stepped("olga"), acme, ManageAccess)
	})
}

// A machine credential has no settings, and one that a faulty door gives a
// person's name to isn't that person without their second step.
func TestMachinesAreNoPersons(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		for _, c := range []Credential{WorkspaceToken, RepositoryToken, DeployKey} {
			machine := Actor{Credential: c, Scopes: Scopes()}
			for _, action := range Actions() {
				if v := w.verdict(machine, targetOf(action), action); v.Outcome == Allow {
					t.Errorf("%s may %v", c, action)
				}
			}
			machine.User = "olga"
			_, err := w.gate.Check(t.Context(), machine, secret, ReadRepository)
			want := &Refusal{Verdict: Verdict{Outcome: Unauthenticated, Reason: ReasonSignedOut}, Action: ReadRepository, Credential: c}
			if refusal, _ := errors.AsType[*Refusal](err); !reflect.DeepEqual(refusal, want) {
				t.Errorf("%s with a person's name: %+v", c, refusal)
			}
		}
	})
}

func TestNamesOfAnySpelling(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		grant, err := w.gate.Check(t.Context(), session("alice"), Target{Workspace: "ACME", Repository: "Secret"}, ReadRepository)
		if err != nil || grant.Workspace().Slug != "acme" || grant.Repository() != (RepositoryRef{ID: "r-acme-secret", Slug: "secret", Permission: Write, Wiki: Feature{On: true}, Issues: Feature{On: true}}) {
			t.Errorf("upper case: %+v, %v", grant, err)
		}
		for _, name := range []string{"..", ".", "secret\x00", "\xff", "secret/", "sec%72et", "' OR TRUE --", "se_ret", "%", "r-acme-secret"} {
			w.expect(session("alice"), Target{Workspace: "acme", Repository: name}, ReadRepository, Hidden, ReasonNotFound)
			w.expect(session("alice"), Target{Workspace: name, Repository: "secret"}, ReadRepository, Hidden, ReasonNotFound)
			w.expect(session("alice"), Target{Workspace: name}, ReadWorkspace, Hidden, ReasonNotFound)
		}
	})
}

// A target of another kind than the action's is a fault of the door.
func TestTargetMustFitTheAction(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t)).usual()
	for _, action := range append(Actions(), 0, Open, actionEnd) {
		for _, target := range []Target{self, acme, secret, snippet1, {Repository: "secret"}, {Snippet: "s1"}, {Workspace: "acme", Repository: "secret", Snippet: "s1"}} {
			grant, err := w.gate.Check(t.Context(), stepped("olga"), target, action)
			if target.fits(action.Content()) {
				continue
			}
			if err == nil || grant.Require(Actions()...) == nil {
				t.Errorf("%v on %+v: %v", action, target, err)
			}
		}
	}
	w.expect(stepped("olga"), Target{Repository: "secret"}, ReadRepository, Hidden, ReasonNotFound)
}

func TestGrantNamesWhatWasAllowed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.sql(`UPDATE workspace SET require_two_step = TRUE, require_from = $1, accept_account = TRUE, phishing_resistant = FALSE, ask_again = $2,
			ask_over_ssh = TRUE, refuse_machines = TRUE, networks = '192.0.2.0/24 2001:db8::/32', no_public = FALSE`, now.Add(time.Hour), time.Hour)
		w.factor("olga", "totp")
		grant, err := w.gate.Check(t.Context(), stepped("olga"), secret, WriteRepository)
		if err != nil {
			t.Fatal(err)
		}
		want := Grant{actor: stepped("olga"), action: WriteRepository}
		want.repository = RepositoryRef{ID: "r-acme-secret", Slug: "secret", Permission: Admin, Wiki: Feature{On: true}, Issues: Feature{On: true}}
		want.actor.Factors.TOTP = true
		want.workspace = WorkspaceRef{ID: "w-acme", Slug: "acme", Name: "ACME", Role: Owner, Creates: true, Policy: Policy{
			RequireTwoStep: true, RequireFrom: now.Add(time.Hour), AcceptAccountMFA: true, AskAgain: time.Hour, AskOverSSH: true, RefuseMachines: true,
			Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		}}
		if !reflect.DeepEqual(grant, want) {
			t.Errorf("got  %+v\nwant %+v", grant, want)
		}
		for _, c := range []struct {
			actions []Action
			fits    bool
		}{
			{[]Action{WriteRepository}, true},
			{[]Action{ReadRepository, WriteRepository}, true},
			{[]Action{ReadRepository}, false},
			{[]Action{ManageAccess, ReadWorkspace}, false},
			{[]Action{0}, false},
			{nil, false},
		} {
			if err := grant.Require(c.actions...); (err == nil) != c.fits || err != nil && !errors.Is(err, ErrNoGrant) {
				t.Errorf("Require(%v): %v", c.actions, err)
			}
		}
		own, err := w.gate.Check(t.Context(), stepped("olga"), self, ReadSelf)
		if err != nil || !reflect.DeepEqual(own.Workspace(), WorkspaceRef{}) || own.Repository() != (RepositoryRef{}) || own.Snippet() != (SnippetRef{}) || own.Action() != ReadSelf {
			t.Errorf("of one's own settings: %+v, %v", own, err)
		}
	})
}

// The cost of a check doesn't grow with what there is: every table is reached
// by an index.
func TestCheckUsesIndexesOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.crowd(3000)
		plan := w.plan(query, "acme", "r-1500", "u-1500", "s-1500")
		for _, line := range plan {
			scans := strings.HasPrefix(line, "SCAN") && line != "SCAN CONSTANT ROW" && line != "SCAN anchor"
			if scans || strings.Contains(line, "Seq Scan") {
				t.Errorf("a table is read through: %s\n%s", line, strings.Join(plan, "\n"))
			}
		}
		// workspace (2: by its name, and the one that the repository is in), repository (3: by its name, a former one, its id), snippet, member and user; two
		// kinds of factor; a permission of one's own, and by groups (2); groups that create (2).
		searched := strings.Count(strings.Join(plan, "\n"), "SEARCH") + strings.Count(strings.Join(plan, "\n"), "Scan using")
		if w.d.Engine == db.SQLite {
			searched-- // the most of the permissions is looked up in what was found
		}
		if searched != 15 {
			t.Errorf("%d tables are searched\n%s", searched, strings.Join(plan, "\n"))
		}
	})
}

// plan is how the engine would go about a query.
func (w *world) plan(query string, args ...any) (lines []string) {
	w.t.Helper()
	var err error
	if w.d.Engine == db.Postgres {
		lines, err = db.All[string](w.t.Context(), w.d, `EXPLAIN `+query, args...)
	} else {
		var steps []struct {
			ID, Parent, Unused int64
			Detail             string
		}
		steps, err = db.All[struct {
			ID, Parent, Unused int64
			Detail             string
		}](w.t.Context(), w.d, `EXPLAIN QUERY PLAN `+query, args...)
		for _, step := range steps {
			lines = append(lines, step.Detail)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

// A machine credential reaches what it belongs to and nothing beyond it; what
// it can't reach it can't tell from what doesn't exist.
func TestMachinesReachWhatTheyBelongTo(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.repository("acme", "other", false)
		w.workspace("rival", "owner bob")
		w.repository("rival", "secret", false)
		key := Actor{Credential: DeployKey, Scopes: []Scope{ScopeReadRepository}, Workspace: "w-acme", Repository: "r-acme-secret"}
		writable := key
		writable.Scopes = []Scope{ScopeWriteRepository}
		all := Actor{Credential: WorkspaceToken, Scopes: Scopes(), Workspace: "w-acme"}
		nowhere := Actor{Credential: DeployKey, Scopes: Scopes()}
		at := func(workspace, repository string) Target {
			return Target{Workspace: workspace, Repository: repository}
		}

		w.allowed(key, secret, ReadRepository)
		w.allowed(key, open, ReadRepository)
		w.expect(key, secret, WriteRepository, Forbidden, ReasonScope)
		w.allowed(writable, secret, WriteRepository)
		w.expect(writable, secret, ManageDeployKeys, Forbidden, ReasonScope)
		w.expect(writable, open, WriteRepository, Forbidden, ReasonPermission)
		for _, a := range []Actor{key, writable} {
			w.expect(a, at("acme", "other"), ReadRepository, Hidden, ReasonNotFound)
			w.expect(a, at("acme", "none"), ReadRepository, Hidden, ReasonNotFound)
			w.expect(a, at("rival", "secret"), ReadRepository, Hidden, ReasonNotFound)
			w.expect(a, acme, ListRepositories, Hidden, ReasonNotFound)
		}
		w.allowed(all, acme, ListRepositories)
		w.allowed(all, at("acme", "other"), WriteRepository)
		w.expect(all, acme, ManageMembers, Forbidden, ReasonScope)
		w.expect(all, at("rival", "secret"), ReadRepository, Hidden, ReasonNotFound)
		w.expect(all, at("nowhere", "none"), ReadRepository, Hidden, ReasonNotFound)
		w.expect(nowhere, at("nowhere", "none"), ReadRepository, Hidden, ReasonNotFound)
		w.expect(nowhere, secret, ReadRepository, Hidden, ReasonNotFound)

		w.sql(`UPDATE workspace SET refuse_machines = TRUE WHERE slug = 'acme'`)
		_, err := w.gate.Check(t.Context(), key, secret, ReadRepository)
		if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Sentence() != "Workspace acme doesn't accept machine credentials." {
			t.Errorf("a deploy key where machines are refused: %v", err)
		}
	})
}

// A former name leads to the repository, for whoever may know of it, until
// another takes the name.
func TestFormerNamesLeadOn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.sql(`INSERT INTO repository_name (workspace, slug, repository) VALUES ('w-acme', 'before', 'r-acme-secret')`)
		before := Target{Workspace: "acme", Repository: "before"}
		g, err := w.gate.Check(t.Context(), session("alice"), before, ReadRepository)
		if err != nil || g.Repository().Slug != "secret" {
			t.Errorf("%+v %v", g.Repository(), err)
		}
		w.expect(session("bob"), before, ReadRepository, Hidden, ReasonNotFound)
		w.repository("acme", "before", true)
		if g, err = w.gate.Check(t.Context(), session("alice"), before, ReadRepository); err != nil || g.Repository().Slug != "before" {
			t.Errorf("%+v %v", g.Repository(), err)
		}
	})
}

func TestArchivedIsReadOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.usual()
		w.sql(`UPDATE repository SET archived = TRUE`)
		w.expect(session("alice"), secret, ReadRepository, Allow, "")
		w.expect(session("alice"), secret, WriteRepository, Forbidden, ReasonArchived)
		w.expect(session("bob"), secret, WriteRepository, Hidden, ReasonNotFound)
	})
}
