package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cast is who goes through the flows: the owner of acme and a member of it.
type cast struct {
	s          *server
	alice, bob *person
	away       *person  // alice at another browser
	codes      []string // bob's recovery codes of Code
	app        string   // the client id of an app that asks people first
}

// everyFlow goes through what people do on both sites, in the way of the server's
// people: with a mouse, by keyboard alone, or without JavaScript. What only
// security keys can do is apart (keys_test.go).
func everyFlow(t *testing.T, s *server) *cast {
	alice, bob := team(t, s) // sign-up, username, workspace, repository, token, invitation
	c := &cast{s: s, alice: alice, bob: bob}
	c.addsSSHKey()
	c.edits()
	c.raisesIssues()
	c.writesWiki()
	c.makesSnippet()
	c.alice.requires() // enrolment, preview, access controls
	c.isBlockedAndEnrols()
	c.isInvitedAtHome()
	c.endsSessions()
	c.registersApps()
	c.consents()
	c.signsDeviceIn()
	c.forgetsPassword()
	c.turnsMFAOn()
	return c
}

// makesKey gives the public half of a new SSH key.
func (p *person) makesKey(comment string) string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path).CombinedOutput(); err != nil {
		p.t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	line, err := os.ReadFile(path + ".pub")
	p.do(err)
	return strings.TrimSpace(string(line))
}

func (c *cast) addsSSHKey() {
	c.alice.open("/account/settings/")
	c.alice.follow("SSH keys")
	c.alice.fill("Public key", c.alice.makesKey("laptop"))
	c.alice.press("Add key")
	c.alice.sees("laptop", "SHA256:")
}

func (c *cast) edits() {
	alice := c.alice
	alice.open("/acme/app/src/main/main.go")
	alice.follow("Edit")
	alice.fill("Text", "package main\n\nfunc main() {}\n")
	alice.fill("What was changed, and why", "Nothing is counted any more")
	alice.press("Commit")
	alice.sees("package main")
	alice.open("/acme/app/commits")
	alice.follow("Nothing is counted any more")
	alice.sees("1 file changed")
	alice.open("/acme/app/create/main")
	alice.fill("Name", "docs/new.md")
	alice.fill("Text", "# New\n")
	alice.press("Commit")
	alice.open("/acme/app/branches")
	alice.fill("Name", "topic")
	alice.press("Create branch")
	alice.open("/acme/app/tags")
	alice.fill("Name", "v1")
	alice.press("Create tag")
	alice.sees("v1")
	alice.open("/acme/app/search")
	alice.fill("Text", "moon")
	alice.press("Search")
	alice.sees("README.md")
}

func (c *cast) raisesIssues() {
	c.alice.open("/acme/app")
	c.alice.follow("Issues")
	c.alice.follow("Create issue")
	c.alice.fill("Title", "It never lands")
	c.alice.fill("Description", "On the **moon**.")
	c.alice.press("Preview")
	c.alice.press("Create issue")
	c.alice.sees("It never lands", "On the moon.")
	at := c.alice.path()
	c.bob.open(at)
	c.bob.fill("Your comment", "It does now.")
	c.bob.press("Comment")
	c.bob.sees("It does now.")
	c.bob.press("Vote for it")
	c.alice.open(at)
	c.alice.follow("Edit")
	c.alice.fill("Title", "It lands")
	c.alice.press("Save")
	c.alice.sees("It lands")
}

func (c *cast) writesWiki() {
	c.alice.open("/acme/app/wiki")
	c.alice.follow("Write the first page")
	c.alice.fill("Text", "# Launch\n\nOne thing at a time.")
	c.alice.press("Save")
	c.alice.sees("Last edited by Alice")
	c.alice.follow("Edit")
	c.alice.fill("Text", "# Launch\n\nOne thing at a time. Then the next.")
	c.alice.press("Save")
	c.alice.sees("Then the next.")
}

func (c *cast) makesSnippet() {
	c.alice.open("/acme/snippets/new")
	c.alice.fill("Title", "How we deploy")
	c.alice.fill("File name", "deploy.sh")
	c.alice.fill("Content", "#!/bin/sh\necho hello\n")
	c.alice.press("Create snippet")
	c.alice.sees("How we deploy", "deploy.sh")
	at := c.alice.path()
	c.bob.open(at)
	c.bob.fill("Your comment", "Not on Fridays.")
	c.bob.press("Comment")
	c.bob.sees("Not on Fridays.")
}

// isBlockedAndEnrols: from the blocked page to the page first asked for; then
// sign-in with a code, and elsewhere with a recovery code.
func (c *cast) isBlockedAndEnrols() {
	c.bob.open(deep)
	c.bob.got(403)
	c.bob.sees(blocked)
	c.bob.follow("Set up two-step verification")
	c.bob.enrols()
	c.codes = c.bob.codes
	c.bob.isAt(deep)
	c.bob.sees(words)
	c.bob.signsOut()
	c.bob.open(deep)
	c.bob.goesOnThroughAccount()
	c.bob.verifies()
	c.bob.isAt(deep)
	away := c.bob.again()
	away.open(deep)
	away.signsIn()
	away.recovers(c.bob.codes[0])
	away.isAt(deep)
}

// isInvitedAtHome: whoever is in Code already needs no mail.
func (c *cast) isInvitedAtHome() {
	for _, workspace := range []string{"Third", "Fourth"} {
		c.alice.creates(workspace)
		c.alice.invites(c.bob, strings.ToLower(workspace))
	}
	c.bob.open("/")
	c.bob.press("Join Third")
	c.bob.open("/")
	c.bob.press("Decline the invitation to Fourth")
	c.bob.open("/")
	c.bob.seesNot("Fourth")
	c.bob.open("/third/workspace/leave")
	c.bob.press("Leave workspace")
}

// endsSessions: one of Code, and all others of the account.
func (c *cast) endsSessions() {
	c.away = c.alice.again()
	c.away.open("/login")
	c.away.signsIn()
	c.away.recovers(c.alice.codes[0])
	c.away.isAt("/")
	c.alice.open("/account/settings/sessions/")
	c.alice.press("Sign out all others")
	c.away.open(deep)
	if c.away.path() == "/acme/app/src/main/README.md" {
		c.alice.t.Error("a session that was ended goes on")
	}
	c.alice.open(c.s.account + "/manage-profile/sessions")
	c.alice.press("Sign out all others")
	c.away.open(c.s.account + "/manage-profile")
	if c.away.path() == "/manage-profile" {
		c.alice.t.Error("a session of the account that was ended goes on")
	}
}

func (c *cast) registersApps() {
	alice := c.alice
	alice.open(c.s.account + "/admin/apps")
	alice.follow("Register an app")
	alice.fill("Name", "Dashboard")
	alice.tap("It runs on people's own devices, and can't")
	alice.tap("People sign it in from another device, with a code")
	alice.fill("Redirect addresses", c.s.code+"/")
	alice.tap("It belongs to somebody else: ask people first")
	alice.press("Save")
	c.app = ask[string](alice, `() => document.querySelectorAll("dl.facts code")[1].textContent`)
}

// consents: an app asks for the account, and the person lets it.
func (c *cast) consents() {
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	back := c.s.code + "/"
	c.alice.open(c.s.account + "/authorize?" + url.Values{
		"client_id": {c.app}, "redirect_uri": {back}, "response_type": {"code"}, "scope": {"openid profile"},
		"state": {"s"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	c.alice.sees("Continue to Dashboard", "which isn't part of this system")
	c.alice.press("Continue")
	at, err := url.Parse(c.alice.location())
	c.alice.do(err)
	c.asks("/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "redirect_uri": {back},
		"client_id": {c.app}, "code_verifier": {verifier},
	})
	c.alice.open(c.s.account + "/manage-profile/apps")
	c.alice.sees("Dashboard")
}

func (c *cast) signsDeviceIn() {
	code := c.asks("/device_authorization", url.Values{"client_id": {c.app}, "scope": {"openid"}})["user_code"].(string)
	c.alice.open(c.s.account + "/device")
	c.alice.fill("Code", code)
	c.alice.press("Continue")
	c.alice.sees("Sign Dashboard in?", code)
	c.alice.press("Sign it in")
	c.alice.sees("Dashboard")
}

// asks is what the app itself asks the account site.
func (c *cast) asks(path string, form url.Values) map[string]any {
	c.alice.t.Helper()
	answer, err := http.PostForm(c.s.account+path, form)
	c.alice.do(err)
	defer answer.Body.Close()
	var told map[string]any
	c.alice.do(json.NewDecoder(answer.Body).Decode(&told))
	if answer.StatusCode != http.StatusOK {
		c.alice.t.Fatalf("the app asks %s and is told %d %v", path, answer.StatusCode, told)
	}
	return told
}

func (c *cast) forgetsPassword() {
	bob := c.bob.again()
	bob.open(c.s.account + "/signin")
	bob.follow("Forgotten your password?")
	bob.fill("Email", bob.email)
	bob.press("Send link")
	bob.sees("Check your mail")
	bob.open(c.s.link(bob.email, "Choose a new password", "/reset"))
	bob.password = "bob walks over the new bridge"
	c.s.secret(bob.password)
	bob.fill("New password", bob.password)
	bob.press("Change password")
	bob.open(c.s.account + "/manage-profile")
	bob.goesOnThroughAccount()
	bob.isAt(c.s.account + "/manage-profile")
	c.bob = bob
}

// turnsMFAOn at the account, and signs in with it.
func (c *cast) turnsMFAOn() {
	c.bob.open(c.s.account + security)
	c.bob.follow("Turn on MFA")
	c.bob.enrols()
	c.bob.isAt(c.s.account + security)
	away := c.bob.again()
	away.open(c.s.account + "/signin")
	away.signsIn()
	away.verifies()
	away.isAt(c.s.account + "/manage-profile")
	away = c.bob.again()
	away.open(c.s.account + "/signin")
	away.signsIn()
	away.recovers(c.bob.codes[0])
	away.isAt(c.s.account + "/manage-profile")
}
