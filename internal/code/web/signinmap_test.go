package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

const aDay = 24 * time.Hour

// said is a station in words, with how far away its times are.
func said(n mapNode, now time.Time) string {
	var words []string
	for _, mark := range n.Marks {
		text := mark.Text
		if !mark.At.IsZero() {
			text += fmt.Sprintf(" %+.0fh", mark.At.Sub(now).Hours())
		}
		words = append(words, text)
	}
	if n.Fix.Href != "" {
		path, _, _ := strings.Cut(n.Fix.Href, "?")
		words = append(words, "["+n.Fix.Text+" "+path+"]")
	}
	return strings.Join(words, ", ")
}

// standingOf makes the explanation that the gate would give a member.
func standingOf(e access.Evidence, p access.Policy, now time.Time) *access.Explanation {
	actor := access.Actor{Door: access.Web, Credential: access.Session, User: "alice", Evidence: e}
	resource := access.Resource{Exists: true, Permission: access.Write}
	out := &access.Explanation{Known: true, Actor: actor, Policy: p, Resource: resource}
	out.Action, out.WorkspaceSlug = access.ReadWorkspace, "acme"
	out.Verdict = access.Decide(actor, p, resource, access.ReadWorkspace, now)
	return out
}

// What the map says of a workspace, for one of each kind.
func TestSignInMapSaysWhatAWorkspaceAsksFor(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	now := w.now.Now()
	app, key := access.Factors{TOTP: true}, access.Factors{WebAuthn: true}
	step := access.Step{Method: access.TOTP, At: now.Add(-time.Hour)}
	mfa := access.Account{ACR: "aal2", AuthTime: now.Add(-2 * time.Hour)}
	require := access.Policy{RequireTwoStep: true, AskAgain: 30 * aDay}
	with := func(change func(p *access.Policy)) access.Policy {
		p := require
		change(&p)
		return p
	}
	grace := with(func(p *access.Policy) { p.RequireFrom = now.Add(9 * aDay) })
	resistant := with(func(p *access.Policy) { p.PhishingResistant = true })
	accepts := with(func(p *access.Policy) { p.AcceptAccountMFA = true })
	never := with(func(p *access.Policy) { p.AskAgain = 0 })
	hourly := with(func(p *access.Policy) { p.AskAgain = time.Minute })
	elsewhere := access.Policy{}
	elsewhere.Networks, _ = access.ParseNetworks("198.51.100.0/24")
	for _, c := range []struct {
		what   string
		held   access.Evidence
		policy access.Policy
		want   string
	}{
		{"no rule", access.Evidence{}, access.Policy{}, "Open ✓, Asks for nothing more"},
		{"off, required", access.Evidence{}, require, "Needs two-step verification, [Set it up /account/settings/two-step-verification/]"},
		{"off, in grace", access.Evidence{}, grace, "Open ✓, 2SV required +216h, Needs two-step verification, [Set it up /account/settings/two-step-verification/]"},
		{"on, in grace", access.Evidence{Factors: app, Step: step}, grace, "Open ✓, 2SV required +216h, You are ready"},
		{"on, required", access.Evidence{Factors: app, Step: step}, require, "Open ✓, Asked again +719h"},
		{"on, never again", access.Evidence{Factors: app, Step: step}, never, "Open ✓"},
		{"on, too long ago", access.Evidence{Factors: app, Step: step}, hourly, "Asks for your second step again, [Verify /login/verify]"},
		{"an app, where a key is wanted", access.Evidence{Factors: app, Step: step}, resistant, "Needs a security key or passkey, [Add one /account/settings/two-step-verification/]"},
		{"a key, but the step by app", access.Evidence{Factors: access.Factors{TOTP: true, WebAuthn: true}, Step: step}, resistant, "Needs a security key or passkey, [Verify /login/verify]"},
		{"a key", access.Evidence{Factors: key, Step: access.Step{Method: access.WebAuthn, At: now}}, resistant, "Open ✓, Asked again +720h"},
		{"account opens, workspace insists", access.Evidence{Factors: app, Account: mfa, AccountOpens: true}, require, "Needs your second step, [Verify /login/verify]"},
		{"account opens, workspace accepts", access.Evidence{Factors: app, Account: mfa, AccountOpens: true}, accepts, "Open ✓, Asked again +718h"},
		{"account accepted, not used", access.Evidence{}, accepts, "Needs your account's MFA, [Verify /login]"},
		{"account accepted, too long ago", access.Evidence{Account: mfa}, with(func(p *access.Policy) { p.AcceptAccountMFA, p.AskAgain = true, time.Hour }), "Asks for account MFA again, [Verify /login]"},
		{"another network", access.Evidence{}, elsewhere, "Closed from this network"},
	} {
		if got := said(w.workspaceNode(standingOf(c.held, c.policy, now), "Acme", "acme", now), now); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// Whatever somebody holds and whatever is asked for, the map tells the truth: it
// says open where the gate opens, until when, and the way on where there is one.
func TestSignInMapIsTrueForEveryCombination(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	now := w.now.Now()
	cases := 0
	forEachStanding(now, func(held access.Evidence, p access.Policy) {
		e := standingOf(held, p, now)
		if e.Reason == access.ReasonStepNeeded && held.Step.Method == "" && !held.AccountOpens {
			return // the page itself waits for the step first
		}
		cases++
		at := func(p access.Policy, t time.Time) bool {
			return access.Decide(e.Actor, p, e.Resource, access.ReadWorkspace, t).Outcome == access.Allow
		}
		n := w.workspaceNode(e, "Acme", "acme", now)
		fail := func(why string) { t.Errorf("%s: %s\n%+v\n%+v", why, said(n, now), held, p) }
		if n.Bad != (e.Outcome != access.Allow) {
			fail("closed or not")
		}
		if n.Bad && (n.Fix.Href != "") != e.Outcome.Challenge() {
			fail("the way on")
		}
		if grace := p.RequireTwoStep && now.Before(p.RequireFrom); grace {
			after := p
			after.RequireFrom = time.Time{}
			if n.Good != at(after, now) || n.Good == (n.Fix.Href != "") {
				fail("ready for the end of the grace or not")
			}
			return
		}
		var again time.Time
		for _, mark := range n.Marks {
			if mark.Text == "Asked again" {
				again = mark.At
			}
		}
		switch {
		case n.Bad:
		case again.IsZero():
			if !at(p, now.AddDate(10, 0, 0)) {
				fail("it will ask again")
			}
		case !at(p, again) || at(p, again.Add(time.Microsecond)):
			fail("asked again at another time")
		}
	})
	if cases < 1000 {
		t.Errorf("%d cases", cases)
	}
}

func forEachStanding(now time.Time, f func(access.Evidence, access.Policy)) {
	factors := []access.Factors{{}, {TOTP: true}, {WebAuthn: true}, {TOTP: true, WebAuthn: true}}
	var steps []access.Step
	var accounts []access.Account
	for _, ago := range []time.Duration{0, 2 * time.Hour, 20 * aDay} {
		steps = append(steps, access.Step{Method: access.TOTP, At: now.Add(-ago)}, access.Step{Method: access.WebAuthn, At: now.Add(-ago)})
		accounts = append(accounts, access.Account{ACR: "aal2", AuthTime: now.Add(-ago)}, access.Account{ACR: "phr", AuthTime: now.Add(-ago)})
	}
	steps = append(steps, access.Step{}, access.Step{Method: access.RecoveryCode, At: now})
	accounts = append(accounts, access.Account{AMR: []string{"pwd"}, AuthTime: now})
	for bits := range 1 << 5 {
		on := func(i int) bool { return bits>>i&1 == 1 }
		p := access.Policy{RequireTwoStep: on(0), AcceptAccountMFA: on(1), PhishingResistant: on(2), AskAgain: 7 * aDay}
		if on(3) {
			p.RequireFrom = now.Add(3 * aDay)
		}
		if on(4) {
			p.AskAgain = time.Hour
		}
		for _, fs := range factors {
			for _, step := range steps {
				for _, account := range accounts {
					for _, opens := range []bool{false, true} {
						f(access.Evidence{Factors: fs, Step: step, Account: account, AccountOpens: opens}, p)
					}
				}
			}
		}
	}
}

// The page: drawn and listed, and the same for a reader of either.
func TestSecurityPageHasTheMap(t *testing.T) {
	each(t, func(w *world) {
		owner, bob := w.signedIn("owner"), w.signedIn("bob")
		owner.founds()
		bob.joins(owner, "bob@example.com")
		p := bob.is(bob.get(securityPath), 200, "<svg class=\"map\"", "Sign-in map", "2SV is off", "Asks for nothing more", "Only once you turn two-step verification on")
		if n := strings.Count(p.text, "Asks for nothing more"); n != 2 {
			w.Errorf("said %d times, not in the drawing and in the list", n)
		}
		owner.enrols(twoStepPath)
		w.sql(`UPDATE workspace SET require_two_step = TRUE`)
		p = bob.is(bob.get(securityPath), 200, "Needs two-step verification", "Acme Works: Set it up")
		got := bob.enrols(p.find(w, `href="(`+twoStepPath+`\?return=[^"]*)"`))
		if got != "/acme" {
			w.Errorf("after the fix: %s", got)
		}
		bob.is(bob.get(securityPath), 200, "2SV ✓", "By a code from your app", "Asked again", "is on, so Code asks for it at each sign-in anyway")
		for i := range 12 {
			bob.post("/workspaces/new", "name", fmt.Sprint("Team ", i), "slug", fmt.Sprint("team-", i))
		}
		bob.is(bob.get(securityPath), 200, "The drawing leaves out 3 workspaces", "Team 11")
	})
}

// "My account's MFA also opens Code": only with both, after a fresh step, told
// and noted; and it ends with the step that it stands for.
func TestMyAccountsMFAAlsoOpensCode(t *testing.T) {
	const form = "/account/settings/security/account-opens"
	each(t, func(w *world) {
		b := w.signedIn("alice")
		b.is(b.get(securityPath), 200, "there is nothing that your account's MFA could save you")
		b.is(b.post(form, "account_opens", "yes"), 409, "is off, so there is nothing")
		b.enrols(twoStepPath)
		b.is(b.get(securityPath), 200, "MFA wasn't used in this sign-in")
		b.is(b.post(form, "account_opens", "yes"), 409, "Sign in with it first")

		mfa := w.mfaSession("alice")
		mfa.secret = b.secret
		mfa.leads(mfa.get(securityPath), "/login/verify") // not chosen yet: Code asks
		mfa.steps()
		mfa.is(mfa.get(securityPath), 200, `name="account_opens"`)
		mfa.leads(mfa.post(form, "account_opens", "yes"), securityPath)
		mfa.is(mfa.get(securityPath), 200, "for you let it open Code", "checked")

		next := w.mfaSession("alice")
		next.is(next.get(securityPath), 200, "Account's MFA opens it")
		plain := w.sessionOf(user.Identity{Issuer: issuerURL, Subject: "alice", Email: "alice@example.com", AuthTime: w.now.Now()})
		plain.leads(plain.get(securityPath), "/login/verify") // without MFA it opens nothing

		w.now.Advance(16 * time.Minute)
		mfa.leads(mfa.post(form), "/login/verify") // the change asks for a fresh step
		mfa.steps()
		mfa.leads(mfa.post(form), securityPath)
		next.leads(next.get(securityPath), "/login/verify") // and holds at once
		actions, err := db.All[string](w.Context(), w.DB, `SELECT detail FROM audit WHERE action = 'two_step.account_opens' ORDER BY seq`)
		if err != nil || fmt.Sprint(actions) != `[{"from":false,"to":true} {"from":true,"to":false}]` {
			w.Errorf("%v, %v", actions, err)
		}

		mfa.leads(mfa.post(form, "account_opens", "yes"), securityPath)
		if p := mfa.post(twoStepPath+"turn-off", "code", mfa.code()); p.Code != http.StatusSeeOther {
			w.Fatalf("turning off: %d %s", p.Code, p.text)
		}
		if opens, err := db.One[bool](w.Context(), w.DB, `SELECT account_opens FROM code_user`); opens || err != nil {
			w.Errorf("it outlives the step that it stands for: %t, %v", opens, err)
		}
	})
}

func (w *world) sql(query string) {
	w.Helper()
	if _, err := db.Exec(w.Context(), w.DB, query); err != nil {
		w.Fatal(err)
	}
}

// sessionOf opens a session for an identity.
func (w *world) sessionOf(id user.Identity) *browser {
	w.Helper()
	session, err := w.Users.OpenSession(w.Context(), id, user.SessionInfo{})
	if err != nil {
		w.Fatal(err)
	}
	b := w.browser()
	b.cookies[b.Site.cookies.Name(sessionCookie)] = session.Token.Reveal()
	return b
}

// mfaSession is one that the account opened with MFA.
func (w *world) mfaSession(name string) *browser {
	w.Helper()
	return w.sessionOf(user.Identity{
		Issuer: issuerURL, Subject: name, Email: name + "@example.com", EmailVerified: true, Name: name,
		ACR: "aal2", AMR: []string{"pwd", "otp", "mfa"}, AuthTime: w.now.Now(),
	})
}

// steps takes Code's second step.
func (b *browser) steps() {
	b.Helper()
	if p := b.post("/login/verify", "code", b.code()); p.Code != http.StatusSeeOther {
		b.Fatalf("%d %s", p.Code, p.text)
	}
}
