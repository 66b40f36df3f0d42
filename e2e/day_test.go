package e2e

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// A team's day: an owner, two members, a bot and a deploy key, in browsers, git
// and ssh, from the first push to the last look at who came in.
func TestATeamsDay(t *testing.T) {
	s := serve(t)
	d := day{
		s: s, alice: s.comes(t, "alice"), bob: s.comes(t, "bob"), carol: s.comes(t, "carol"),
		atBobs: s.terminal(t, "bob"), atCarols: s.terminal(t, "carol"), builder: s.terminal(t, "builder"), mirror: s.terminal(t, "mirror"),
	}
	d.settlesIn(t)
	d.works(t)
	d.ownerRequires()
	d.membersAreBlocked(t)
	d.membersGetReady(t)
	d.ownerAsksOverSSH(t)
	d.ownerRefusesMachines()
	d.evening(t)
}

type day struct {
	s                 *server
	alice, bob, carol *person
	atBobs, atCarols  *terminal
	builder, mirror   *terminal // the bot with a token, and the machine with a deploy key
	carols            string    // "carol:" and a token, for git over HTTPS
	bots              string
}

// The owner makes the place and invites; each has a key or a token, and clones.
func (d *day) settlesIn(t *testing.T) {
	t.Helper()
	alice, bob, carol := d.alice, d.bob, d.carol
	alice.setsUp()
	alice.creates("Acme")
	alice.createsRepository("app")
	alice.sees("Over SSH", "git clone ssh://")
	alice.pushes(alice.makesToken())
	alice.invites(bob, "acme")
	alice.invites(carol, "acme")
	bob.joins("Acme")
	carol.joins("Acme")

	bob.open("/account/settings/ssh-keys/")
	bob.fill("Public key", d.atBobs.key())
	bob.press("Add key")
	bob.sees("The key is added", "bob@laptop")
	d.atBobs.runs("git", "clone", "-q", d.atBobs.over("", "acme/app"), "app")

	d.carols = "carol:" + carol.makesToken()
	d.atCarols.runs("git", "clone", "-q", d.atCarols.over(d.carols, "acme/app"), "app")

	alice.open("/acme/workspace/settings/access-tokens")
	alice.fill("Name", "builder")
	alice.tap("Push to repositories, and read them")
	alice.press("Create token")
	d.bots = ask[string](alice, `() => document.querySelector(".notice .copy code").textContent`)
	d.s.secret(d.bots)
	d.builder.runs("git", "clone", "-q", d.builder.over("x-token-auth:"+d.bots, "acme/app"), "app")

	alice.open("/acme/app/admin/deploy-keys")
	alice.fill("Public key", d.mirror.key())
	alice.press("Add key")
	alice.sees("The key is added", "Read only")
	d.mirror.runs("git", "clone", "-q", "--mirror", d.mirror.over("", "acme/app"), "app.git")
	d.mirror.fails([]string{"This deploy key is read-only."}, "git", "-C", "app.git", "push", "-q", d.mirror.over("", "acme/app"), "main:refs/heads/mirror")
}

// An issue is filed, fixed by a push over SSH, and told of; the bot reports.
func (d *day) works(t *testing.T) {
	t.Helper()
	alice, bob, carol := d.alice, d.bob, d.carol
	carol.open("/acme/app")
	carol.follow("Issues")
	carol.follow("Create issue")
	carol.fill("Title", "It never lands")
	carol.fill("Description", "It counts down and goes up, @bob, and then?")
	carol.press("Create issue")
	carol.sees("#1", "It never lands")
	bob.open(d.s.link(bob.email, "It never lands", "/acme/app/issues/1"))
	bob.fill("Your comment", "On it.")
	bob.press("Comment")
	d.atBobs.write("app/land.go", "package main\n\nfunc land() {}\n")
	d.atBobs.runs("git", "-C", "app", "add", ".")
	d.atBobs.runs("git", "-C", "app", "commit", "-q", "-m", "Land softly, fixes #1")
	d.atBobs.runs("git", "-C", "app", "push", "-q", "origin", "main")
	carol.open("/acme/app/issues/1")
	carol.sees("On it.", "Resolved by the commit")

	d.builder.runs("git", "-C", "app", "pull", "-q")
	d.builder.runs("git", "-C", "app", "tag", "build-1")
	d.builder.runs("git", "-C", "app", "push", "-q", "origin", "build-1")
	var repositories struct {
		Values []struct {
			Slug string `json:"slug"`
		} `json:"values"`
	}
	if err := json.Unmarshal([]byte(d.api(d.bots, "/2.0/repositories/acme")), &repositories); err != nil || len(repositories.Values) != 1 || repositories.Values[0].Slug != "app" {
		t.Errorf("the bot sees %+v, %v", repositories, err)
	}
	alice.open("/acme/app/wiki/_edit/Home")
	alice.fill("Text", "# How we fly\n\nSoftly.")
	alice.press("Save")
	d.atBobs.runs("git", "clone", "-q", d.atBobs.over("", "acme/app")+"/wiki", "wiki")
	d.atCarols.fails([]string{"This token lacks the scope read:wiki:bitbucket."}, "git", "clone", d.atCarols.over(d.carols, "acme/app")+"/wiki", "wiki")
}

// api asks with a bearer token, as a program does, and gives the body.
func (d *day) api(token, path string) string {
	d.builder.t.Helper()
	return d.builder.runs("curl", "-s", "-H", "Authorization: Bearer "+token, d.s.code+path)
}

// The owner sees first what the rule would do, then switches it on.
func (d *day) ownerRequires() {
	alice := d.alice
	alice.open(control)
	alice.tap("On")
	alice.press("Preview")
	alice.follow("Set up two-step verification")
	alice.enrols()
	alice.press("Preview")
	alice.sees("2 of 3 members would be asked for something or refused.", "bob@laptop", "laptop")
	alice.seesNot("builder") // machines stay
	alice.press("Save")
	alice.sees("Two-step verification is required from now on, at every door.", "Blocked until set up")
	alice.press("Remind those who aren't ready")
}

// Each door says the same to whoever isn't ready; the machines work on.
func (d *day) membersAreBlocked(t *testing.T) {
	t.Helper()
	rule := []string{"Workspace acme requires two-step verification.", "Turn it on, then run the command again:", d.s.code + twoStep}
	d.atBobs.fails(rule, "git", "-C", "app", "fetch")
	d.atCarols.fails(rule, "git", "-C", "app", "fetch")
	_, carols, _ := strings.Cut(d.carols, ":")
	if said := d.api(carols, "/2.0/repositories/acme/app"); !strings.Contains(said, `"reason":"two_step_required"`) || strings.Contains(said, "Rocket") {
		t.Errorf("the API says %s", said)
	}
	d.builder.runs("git", "-C", "app", "fetch", "-q")
	d.mirror.runs("git", "-C", "app.git", "fetch", "-q")

	// The owner's day goes on meanwhile.
	d.alice.open("/acme/app/issues/1")
	d.alice.fill("Your comment", "Secretly, @carol: well done.")
	d.alice.press("Comment")
}

// Bob sets up an app and lands on the issue; carol has a security key.
func (d *day) membersGetReady(t *testing.T) {
	t.Helper()
	bob, carol := d.bob, d.carol
	bob.open("/acme/app/issues/1")
	bob.got(403)
	bob.sees(blocked)
	bob.seesNot("It never lands")
	bob.follow("Set up two-step verification")
	bob.enrols()
	bob.isAt("/acme/app/issues/1")
	bob.sees("It never lands", "well done")
	d.atBobs.runs("git", "-C", "app", "fetch", "-q")

	carol.holds(true)
	carol.open(d.s.link(carol.email, "Acme", twoStep))
	carol.addsKey("Carol's key")
	carol.saves()
	carol.press("I have saved them")
	d.atCarols.runs("git", "-C", "app", "fetch", "-q")
	carol.open("/acme/app")
	carol.sees(words)

	d.alice.open("/acme/workspace/settings/members")
	d.alice.sees("authenticator app", "security key or passkey")
}

// Over SSH a code is asked for as well, of people; the deploy key gives none.
func (d *day) ownerAsksOverSSH(t *testing.T) {
	t.Helper()
	alice := d.alice
	alice.open(control)
	alice.tap("Ask over SSH too")
	alice.press("Preview")
	alice.sees("None of 3 members", "1 credential would stop working, or ask for a second step first", "bob@laptop")
	alice.press("Save")
	d.atBobs.answers(d.bob.nextCode())
	if said := d.atBobs.runs("git", "-C", "app", "fetch"); !strings.Contains(said, "Workspace acme asks for your second step over SSH.") {
		t.Errorf("ssh says %q", said)
	}
	d.atBobs.runs("git", "-C", "app", "fetch") // the key has its step now
	d.mirror.runs("git", "-C", "app.git", "fetch", "-q")
}

// Machines are refused and let in again, each told in its own words.
func (d *day) ownerRefusesMachines() {
	alice := d.alice
	for _, machines := range []string{"Refused", "Allowed"} {
		alice.open(control)
		alice.tap(machines)
		alice.press("Preview")
		if machines == "Refused" {
			alice.sees("builder", "mirror@laptop")
		}
		alice.press("Save")
		if machines == "Refused" {
			refusal := []string{"Workspace acme doesn't accept machine credentials."}
			d.builder.fails(refusal, "git", "-C", "app", "fetch")
			d.mirror.fails(refusal, "git", "-C", "app.git", "fetch")
		}
	}
	d.builder.runs("git", "-C", "app", "fetch", "-q")
	d.mirror.runs("git", "-C", "app.git", "fetch", "-q")
}

// Carol leaves; the owner reads what happened, and the operator proves it.
func (d *day) evening(t *testing.T) {
	t.Helper()
	alice, bob, carol := d.alice, d.bob, d.carol
	carol.open("/acme/workspace/leave")
	carol.press("Leave workspace")
	carol.open("/acme/app")
	carol.got(404)
	d.atCarols.fails([]string{"not found"}, "git", "-C", "app", "fetch")

	bob.open("/account/settings/security/")
	bob.sees("git over SSH", "two_step_required")
	alice.open("/acme/workspace/settings/audit-log")
	alice.sees("Left the workspace", "Reminded the members who aren't ready", "fields: status")
	out, err := exec.CommandContext(t.Context(), need(t, stage.program), "admin", "audit", "verify", "--data", d.s.data).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
