package e2e

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const twoStep = "/account/settings/two-step-verification/"

// setsUp makes the first administrator by the printed link, and their profile in Code.
func (p *person) setsUp() {
	p.t.Helper()
	p.s.secret(p.s.setUp)
	p.open(p.s.setUp)
	p.fill("Name", title(p.name))
	p.fill("Email", p.email)
	p.fill("Password", p.password)
	p.press("Create account")
	p.choosesUsername()
}

// joins follows the invitation in the mail through sign-up into the workspace.
func (p *person) joins(workspace string) {
	p.t.Helper()
	p.open(p.s.link(p.email, workspace, "/invitations/"))
	p.follow("Sign in or sign up to accept")
	p.sees(p.email)
	p.fill("Name", title(p.name))
	p.fill("Password", p.password)
	p.press("Create account")
	p.choosesUsername()
	p.press("Accept invitation")
}

func (p *person) choosesUsername() {
	p.t.Helper()
	if got := p.heading(); got != "Choose your username" {
		p.t.Fatalf("%s at %s (%s) can't choose a username: %s", p.name, p.location(), got, p.text())
	}
	p.fill("Username", p.name)
	p.press("Continue")
}

// signsIn gives email and password where Account asks for them.
func (p *person) signsIn() {
	p.t.Helper()
	if !strings.HasPrefix(p.location(), p.s.account+"/signin") {
		p.t.Fatalf("%s is at %s, where nobody signs in", p.name, p.location())
	}
	p.fill("Email", p.email)
	p.fill("Password", p.password)
	p.press("Sign in")
}

// verifies gives a code from the app at /login/verify. A code is good for one
// use, so each time it is that of the next step of 30 seconds.
func (p *person) verifies() {
	p.t.Helper()
	p.fill("Verification code", p.nextCode())
	p.press("Verify")
}

// creates makes a workspace.
func (p *person) creates(workspace string) {
	p.t.Helper()
	p.open("/workspaces/new")
	p.fill("Name", workspace)
	p.fill("Address", strings.ToLower(workspace))
	p.press("Create workspace")
}

// createsRepository makes a private repository in acme.
func (p *person) createsRepository(name string) {
	p.t.Helper()
	p.open("/acme/workspace/create-repository")
	p.fill("Name", name)
	p.press("Create repository")
}

// invites sends an invitation to a workspace.
func (p *person) invites(other *person, workspace string) {
	p.t.Helper()
	p.open("/" + workspace + "/workspace/settings/members")
	p.fill("Email", other.email)
	p.press("Send invitation")
	p.sees(other.email)
}

// begins comes from the page of two-step verification to that of the app, and
// reads the key there.
func (p *person) begins() {
	p.t.Helper()
	p.press("Set up an authenticator app")
	p.reads()
}

// reads takes the key from the screen.
func (p *person) reads() {
	p.t.Helper()
	p.key = ask[string](p, `() => document.querySelector(".key code").textContent.replace(/\s/g, "")`)
	p.s.secret(p.key)
	p.step = 0
}

// enrols goes through the set-up, from its first page to the one after it.
func (p *person) enrols() {
	p.t.Helper()
	p.begins()
	p.verifies()
	p.saves()
	p.press("I have saved them")
}

// saves takes the recovery codes from the screen.
func (p *person) saves() {
	p.t.Helper()
	p.codes = ask[[]string](p, `() => [...document.querySelectorAll(".codes code")].map((c) => c.textContent)`)
	if len(p.codes) != 10 {
		p.t.Fatalf("%s sees %d recovery codes: %s", p.name, len(p.codes), p.text())
	}
	p.s.secret(p.codes...)
}

// makesToken gives a token that can read and write repositories.
func (p *person) makesToken() string {
	p.t.Helper()
	p.open("/account/settings/api-tokens/")
	p.fill("Name", "laptop")
	p.tap("Push to repositories, and read them")
	p.press("Create token")
	token := ask[string](p, `() => document.querySelector(".notice .copy code").textContent`)
	p.s.secret(token)
	return token
}

// pushes fills acme/app with a small project, by git.
func (p *person) pushes(token string) {
	p.t.Helper()
	at, err := url.Parse(p.s.code)
	p.do(err)
	at.User = url.UserPassword(p.name, token)
	work := p.t.TempDir()
	files := map[string]string{
		"README.md":     "# Rocket\n\nTakes the team to the moon.\n\n## Build\n\n```sh\ngo build ./...\n```\n\n- [x] engine\n- [ ] moon\n",
		"main.go":       "package main\n\nimport \"fmt\"\n\n// main counts down.\nfunc main() {\n\tfor i := 10; i > 0; i-- {\n\t\tfmt.Println(i)\n\t}\n}\n",
		"docs/plan.md":  "# Plan\n\n1. Go\n2. Come back\n",
		"docs/crew.txt": "Ann\nBen\n",
	}
	for name, text := range files {
		path := filepath.Join(work, name)
		p.do(os.MkdirAll(filepath.Dir(path), 0o755))
		p.do(os.WriteFile(path, []byte(text), 0o644))
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "."},
		{"commit", "-q", "-m", "Count down to the start"},
		{"push", "-q", at.String() + "/acme/app.git", "main"},
	} {
		git(p.t, work, args...)
	}
}

func git(t *testing.T, folder string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir = folder
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_COMMITTER_NAME=Alice", "GIT_COMMITTER_EMAIL=alice@example.com",
	}
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// team makes alice, the owner of acme with the repository app in it, and its member bob.
func team(t *testing.T, s *server) (alice, bob *person) {
	t.Helper()
	alice, bob = s.comes(t, "alice"), s.comes(t, "bob")
	alice.setsUp()
	alice.creates("Acme")
	alice.createsRepository("app")
	alice.pushes(alice.makesToken())
	alice.invites(bob, "acme")
	bob.joins("Acme")
	return alice, bob
}

// requires enrols the owner, and switches the requirement on.
func (p *person) requires() {
	p.t.Helper()
	p.open(twoStep)
	p.enrols()
	p.open("/acme/workspace/settings/access-controls")
	p.tap("On")
	p.press("Preview")
	p.sees("Nothing is changed yet")
	p.press("Save")
	p.sees("is required from now on")
}

// nextCode is a code of the app that was not used yet: that of this step of 30
// seconds, or of the one after it, which is good as well. A third in the same
// half minute isn't to be had without waiting: that is what recovery codes are for.
func (p *person) nextCode() string {
	p.t.Helper()
	now := time.Now().Unix() / 30
	p.step = max(p.step+1, now)
	if p.step > now+1 {
		p.t.Fatalf("%s has used all codes that are good now; give a recovery code", p.name)
	}
	return token(p.t, p.key, time.Unix(p.step*30, 0))
}

// recovers gives one of the recovery codes at /login/verify.
func (p *person) recovers(code string) {
	p.t.Helper()
	p.follow("Use a recovery code")
	p.fill("Recovery code", code)
	p.press("Verify")
}

// signsOut does so through the menu.
func (p *person) signsOut() {
	p.t.Helper()
	p.tap(title(p.name))
	p.press("Sign out")
}

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
