package web

import (
	"crypto/ed25519"
	"encoding/base64"
	"html"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/workspace"
)

const controls = "/acme/workspace/settings/access-controls"

// saves previews a change of the form and saves it; the preview alone changes
// nothing.
func (b *browser) saves(pairs ...string) page {
	b.Helper()
	before := b.policy("acme")
	p := b.is(b.post(controls+"/preview", pairs...), 200, "Nothing is changed yet", "<button type=\"submit\" class=\"button primary\">Save</button>")
	if b.policy("acme") != before {
		b.Fatal("a preview changed the policy")
	}
	b.leads(b.post(controls, pairs...), controls)
	return p
}

// policy is a workspace's, in words.
func (w *world) policy(slug string) string {
	w.Helper()
	found, err := w.Workspaces.Find(w.Context(), slug)
	if err != nil {
		w.Fatal(err)
	}
	var lines []string
	for _, line := range workspace.Describe(found.Policy) {
		lines = append(lines, line.Label+": "+line.Value)
	}
	return strings.Join(lines, "\n")
}

// Every control is previewed, saved, shown as saved and taken back by the form.
func TestEveryControlByTheForm(t *testing.T) {
	each(t, func(w *world) {
		owner := w.signedIn("owner")
		owner.founds()
		owner.enrols(twoStepPath)
		for _, c := range []struct {
			on, off       []string
			line, preview string
		}{
			{[]string{"require", "on"}, []string{"require", "off"}, "Require two-step verification: yes, at once", "You meet it."},
			{[]string{"accept_account", "no", "accept_account", "yes"}, []string{"accept_account", "no"}, "Also accept MFA of the account: yes", ""},
			{[]string{"phishing_resistant", "yes"}, []string{"phishing_resistant", "no"}, "Phishing-resistant steps only: yes", ""},
			{[]string{"ask_again", "1"}, []string{"ask_again", "never"}, "Ask for the second step again after: 1 hour", ""},
			{[]string{"ask_over_ssh", "yes"}, []string{"ask_over_ssh", "no"}, "Ask over SSH too: yes", ""},
			{[]string{"machines", "refused"}, []string{"machines", "allowed"}, "Machine credentials: refused", ""},
			{[]string{"networks", "192.0.2.0/24\n2001:db8::/32"}, []string{"networks", ""}, "Allowed networks: 192.0.2.0/24 2001:db8::/32", ""},
			{[]string{"no_public", "yes"}, []string{"no_public", "no"}, "No public content: yes", ""},
		} {
			before := w.policy("acme")
			p := owner.saves(c.on...)
			_, value, _ := strings.Cut(c.line, ": ")
			owner.is(p, 200, "<b>"+value+"</b>")
			if got := w.policy("acme"); !strings.Contains(got, c.line) {
				t.Errorf("%v: %s", c.on, got)
			}
			owner.saves(c.off...)
			if got := w.policy("acme"); strings.Contains(got, c.line) || c.off[1] != "never" && got != before {
				t.Errorf("%v: %s", c.off, got)
			}
		}
	})
}

// Every control says in a sentence what it is, and what it means for whoever
// looks at it: as they are, not in general.
func TestEveryControlSaysWhatItMeansForYou(t *testing.T) {
	each(t, func(w *world) {
		owner := w.signedIn("owner")
		owner.founds()
		says := func(when string, want ...string) {
			t.Helper()
			p := owner.is(owner.get(controls), 200)
			found := regexp.MustCompile(`<b>For you:</b> ([^<]*)<`).FindAllStringSubmatch(p.text, -1)
			var got []string
			for _, each := range found {
				got = append(got, html.UnescapeString(each[1]))
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s:\n%s\nnot:\n%s", when, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			for _, hint := range []string{
				"Everyone needs two-step verification of Code", "needs no step of Code", "Only security keys and passkeys count", "How long a step lasts",
				"After the key, SSH asks for a code", "belong to nobody", "opens only from these", "can be read without signing in",
			} {
				if !strings.Contains(p.text, hint) {
					t.Errorf("%s: no sentence with %q", when, hint)
				}
			}
		}
		const set, blocked = "until you set up two-step verification.", "You would be blocked "
		rest := []string{"It says nothing about you: you come as a person.", "You come from 192.0.2.1.", "Nothing changes for you: you are signed in."}
		says("nothing is on", append([]string{
			blocked + set, "You would be sent to your account, to sign in with MFA.", blocked + set,
			"You have taken no second step in this session.", "Nothing changes for you: you have no SSH key.",
		}, rest...)...)
		owner.enrols(twoStepPath)
		owner.saves("require", "on", "ask_again", "never")
		owner.adds(sshLine(t, "sk-ssh-ed25519@openssh.com"))
		met := "Nothing changes for you: you meet it."
		says("an app is on", append([]string{
			met, met, blocked + "until you add a security key or passkey.",
			"Your step lasts as long as this session.", "Your SSH keys are on security keys: where these check you, nothing more is asked.",
		}, rest...)...)
		owner.adds(sshLine(t, "ssh-ed25519"))
		owner.saves("ask_again", "1")
		until := w.now.Now().UTC().Format("2 January 2006, 15:04 UTC")
		says("an hour at most", append([]string{
			met, met, blocked + "until you add a security key or passkey.",
			"Your last step was at " + until + ": as it stands, it lasts until " + w.now.Now().Add(time.Hour).UTC().Format("2 January 2006, 15:04 UTC") + ".",
			"One SSH key of yours would ask you for a code.",
		}, rest...)...)
	})
}

// adds an SSH key.
func (b *browser) adds(line string) {
	b.Helper()
	b.leads(b.post("/account/settings/ssh-keys/", "key", line, "label", "laptop", "expires", "0"), "/account/settings/ssh-keys/")
}

// sshLine is a new public key as a .pub file has it.
func sshLine(t *testing.T, kind string) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	wire := ssh.Marshal(struct {
		Kind   string
		Public []byte
	}{kind, public})
	if strings.HasPrefix(kind, "sk-") {
		wire = append(wire, ssh.Marshal(struct{ Application string }{"ssh:"})...)
	}
	return kind + " " + base64.StdEncoding.EncodeToString(wire)
}

// What is wrong stands beside its field, and what was typed is kept.
// When uses are written is no concern of who reads a preview.
func TestAPreviewKnowsTheLastUse(t *testing.T) {
	each(t, func(w *world) {
		owner, bob := w.signedIn("owner"), w.signedIn("bob")
		owner.founds()
		owner.enrols(twoStepPath)
		bob.joins(owner, "bob@example.com")
		token := bob.is(bob.post(tokensPath, "name", "laptop", "scopes", "read:workspace:bitbucket", "expires", "30"), 201).find(t, `(spt_[A-Za-z0-9_-]+)`)
		preview := func() page { return owner.post(controls+"/preview", "require", "on") }
		stopped := regexp.MustCompile(`laptop <span[^<]*</span></th><td>bob</td><td>never</td>`)
		if p := preview(); !stopped.MatchString(p.text) {
			t.Errorf("it was never used: %s", p.text)
		}
		actor, err := w.Tokens.FromBearer(w.Context(), token, netip.MustParseAddr("192.0.2.7"))
		if err != nil {
			t.Fatal(err)
		}
		actor.Door = access.API
		if _, err := w.Gate.Check(w.Context(), actor, access.Target{Workspace: "acme"}, access.ReadWorkspace); err != nil {
			t.Fatal(err)
		}
		p := owner.is(preview(), 200, "laptop", `<th scope="row">API</th><td>1</td>`)
		if stopped.MatchString(p.text) {
			t.Errorf("it was used: %s", p.text)
		}
	})
}

func TestControlsKeepWhatWasTyped(t *testing.T) {
	each(t, func(w *world) {
		owner := w.signedIn("owner")
		owner.founds()
		owner.enrols(twoStepPath)
		for _, at := range []string{controls, controls + "/preview"} {
			for _, c := range []struct {
				field, value, says string
				status             int
			}{
				{"networks", "192.0.2.0/24\nhome", `"home" is not a network`, 400},
				{"networks", "10.0.0.0/8", "You come from 192.0.2.1, which is on none of these networks", 400},
				{"ask_again", "5", "Choose never", 400},
				{"machines", "perhaps", "Choose allowed or refused", 400},
				{"require", "perhaps", "Choose off, on, or on from a date", 400},
				{"grace", "31", "Give a grace of 1 to 30 days", 400},
			} {
				pairs := []string{"networks", "# typed", c.field, c.value}
				if c.field == "networks" {
					pairs = pairs[2:]
				}
				if c.field == "grace" {
					pairs = append(pairs, "require", "from")
				}
				p := owner.is(owner.post(at, append(pairs, "no_public", "yes")...), c.status, c.says, `id="f-`+c.field+`-error"`, `value="yes" checked`)
				if c.field == "networks" && (!strings.Contains(p.text, c.value+"</textarea>") || !strings.Contains(p.text, `name="networks" rows="3"`)) {
					t.Errorf("%s: what was typed is lost: %s", c.value, p.text)
				}
			}
		}
		owner.post("/acme/workspace/create-repository", "name", "site", "description", "", "visibility", "public")
		owner.is(owner.post(controls+"/preview", "no_public", "yes"), 409, "Make this private first: site", `href="/acme/site"`, `id="f-no_public-error"`)
	})
}

// A challenge in the midst of it keeps the form, and a preview goes on from there.
func TestControlsSurviveAChallenge(t *testing.T) {
	each(t, func(w *world) {
		owner := w.signedIn("owner")
		owner.founds()
		owner.enrols(twoStepPath)
		w.now.Advance(access.FreshFor + time.Minute)
		verify := owner.leads(owner.post(controls+"/preview", "ask_again", "24", "networks", "192.0.2.0/24"), "/login/verify")
		back := owner.get(verify).find(t, `name="return" value="([^"]*)"`)
		form := owner.leads(owner.post("/login/verify", "return", back, "code", owner.code()), controls)
		owner.is(owner.get(form), 200, "the form as you left it", "192.0.2.0/24</textarea>", `value="24" selected`)
	})
}

// Attack 18: a grace is fixed at the first switching: saving the form again
// neither renews nor ends it.
func TestAttack18SavingAgainLeavesTheGrace(t *testing.T) {
	each(t, func(w *world) {
		owner := w.signedIn("owner")
		owner.founds()
		owner.enrols(twoStepPath)
		owner.saves("require", "from", "grace", "7")
		const fixed = "Require two-step verification: yes, 2026-07-08"
		if got := w.policy("acme"); !strings.Contains(got, fixed) {
			t.Fatal(got)
		}
		owner.is(owner.get(controls), 200, "will be required from the date below on", `value="from" checked`, "Saving again doesn't move it")
		w.now.Advance(2 * time.Minute)
		for _, again := range [][]string{{"require", "from", "grace", "30"}, {"require", "from", "grace", "1"}, {"require", "from", "ask_again", "24"}, {"ask_again", "168"}} {
			owner.leads(owner.post(controls, again...), controls)
			if got := w.policy("acme"); !strings.Contains(got, fixed) {
				t.Errorf("%v: %s", again, got)
			}
		}
		// To end it is a choice of its own.
		owner.saves("require", "on")
		if got := w.policy("acme"); !strings.Contains(got, "yes, at once") {
			t.Error(got)
		}
		owner.leads(owner.post(controls, "require", "from", "grace", "30"), controls)
		if got := w.policy("acme"); !strings.Contains(got, "yes, at once") {
			t.Errorf("a grace after the rule began: %s", got)
		}
	})
}

// An owner whom the allowed networks shut out lifts them after a fresh second
// step, and nobody else does.
func TestAnOwnerLiftsNetworks(t *testing.T) {
	each(t, func(w *world) {
		owner, member := w.signedIn("owner"), w.signedIn("member")
		owner.founds()
		member.joins(owner, "member@example.com")
		owner.enrols(twoStepPath)
		owner.saves("networks", "192.0.2.0/24")
		away := func(b *browser, method, path string) page {
			r := httptest.NewRequest(method, path, nil)
			r.RemoteAddr = "198.51.100.9:1234"
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			return b.send(r)
		}
		p := member.is(away(member, "GET", "/acme/vault"), 403, "You've been temporarily blocked from this page",
			"Workspace acme can't be reached from this network.", "You come from 198.51.100.9", "Leave Acme Works")
		if strings.Contains(p.text, "Lift") || strings.Contains(p.text, "192.0.2.0") {
			t.Errorf("a member is shown the way out: %s", p.text)
		}
		member.is(away(member, "POST", liftPath("acme")), 403)
		w.now.Advance(access.FreshFor + time.Minute)
		lift := owner.is(away(owner, "GET", "/acme/vault"), 403, "temporarily blocked").find(t, `href="([^"]*)">Lift the allowed networks`)
		owner.leads(away(owner, "GET", lift), "/login/verify")
		owner.leads(owner.post("/login/verify", "code", owner.code()), "/")
		owner.is(away(owner, "GET", lift), 200, "You come from <code>198.51.100.9</code>", "192.0.2.0/24")
		owner.leads(away(owner, "POST", lift), controls)
		owner.is(away(owner, "GET", "/acme/vault"), 200)
		records, err := w.Workspaces.Audit.Read(t.Context(), "", 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if last := records[len(records)-1]; last.Action != "workspace.policy" || last.Address != "198.51.100.9" || !strings.Contains(last.Detail, `"networks":"192.0.2.0/24"`) {
			t.Errorf("%+v", last)
		}
	})
}

// Without a second step of their own an owner can't lift: whoever holds a
// stolen session could, from anywhere.
func TestLiftingNeedsASecondStep(t *testing.T) {
	each(t, func(w *world) {
		owner := w.signedIn("owner")
		owner.founds()
		owner.saves("networks", "192.0.2.0/24")
		r := httptest.NewRequest("POST", liftPath("acme"), nil)
		r.RemoteAddr = "198.51.100.9:1234"
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		owner.is(owner.send(r), 403, "Lifting the allowed networks of acme from outside of them needs two-step verification.", "Set up two-step verification")
		if got := w.policy("acme"); !strings.Contains(got, "Allowed networks: 192.0.2.0/24") {
			t.Error(got)
		}
	})
}
