package e2e

import (
	"archive/zip"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// notForms are the routes that no form without a security key is sent to, each
// with the reason. What needs a key is gone through in twokeys_test.go.
var notForms = map[string]string{
	"/login/backchannel-logout": "the account site tells Code", "/login/events": "the account site tells Code",
	"/site/oauth2/access_token": "apps ask for tokens", "/oauth/token": "apps ask for tokens",
	"/authorize": "apps begin there", "/userinfo": "apps ask", "/introspect": "apps ask", "/revoke": "apps tell",
	"/device_authorization": "apps begin there", "/end_session": "apps begin there",
	"/{workspace}/workspace/import-repository": "only where the operator allows addresses to import from",
	"/login/verify/options":                    "of a key", "/signin/passkey": "of a key", "/signin/passkey/options": "of a key", "/signin/verify/options": "of a key",
	"/account/settings/two-step-verification/key": "of a key", "/account/settings/two-step-verification/key/options": "of a key",
	"/manage-profile/security/mfa/key": "of a key", "/manage-profile/security/mfa/key/options": "of a key",
}

// sendsEveryForm goes through what everyFlow leaves out, and fails for each form
// of both sites that was never sent.
func (c *cast) sendsEveryForm() {
	c.changesCredentials()
	c.changesWorkspace()
	c.changesRepository()
	c.changesNotifications()
	c.changesContent()
	c.changesAccount()
	c.administers()
	c.leaves()
	c.losesSteps()
	c.turnsStepsOff()
	for site, patterns := range routesOf(c.alice.t, http.MethodPost) {
		sent := c.met(site, patterns, c.sent)
		for _, pattern := range patterns {
			if !sent[pattern] && notForms[pattern] == "" {
				c.alice.t.Errorf("nobody has sent the form of %s of %s", pattern, site)
			}
		}
	}
}

// sent are the addresses that somebody has sent a form to.
func (c *cast) sent(yield func(string) bool) {
	c.s.sent.Range(func(to, _ any) bool { return yield(to.(string)) })
}

const feedTokens = "/account/settings/feed-tokens/"

// changesCredentials: tokens of four kinds, SSH keys, deploy keys, second steps.
func (c *cast) changesCredentials() {
	alice := c.alice
	for _, page := range []string{"/account/settings/api-tokens/", "/acme/workspace/settings/access-tokens", "/acme/app/admin/access-tokens", feedTokens} {
		alice.open(page)
		alice.fill("Name", "robot")
		if page != feedTokens {
			alice.tap("Push to repositories, and read them")
		}
		alice.press("Create token")
		alice.open(page)
		alice.opensDetails("Rename robot")
		alice.press("Rename robot")
		alice.opensDetails("Rotate robot")
		alice.press("Rotate robot")
		alice.open(page)
		alice.press("Revoke robot")
	}
	alice.open(control)
	alice.tap("Ask over SSH too")
	alice.press("Preview")
	alice.press("Save")
	alice.open("/account/settings/ssh-keys/")
	alice.press("Give it the second step: laptop")
	alice.opensDetails("Rename laptop")
	alice.press("Rename laptop")
	alice.press("Remove laptop")
	alice.open("/acme/app/admin/deploy-keys")
	alice.fill("Public key", alice.makesKey("robot"))
	alice.press("Add key")
	alice.press("Remove robot")

	alice.open(twoStep)
	alice.follows("/factor?")
	alice.fill("Name", "Phone")
	alice.press("Save")
	alice.sees("Phone")
	alice.follow("New recovery codes")
	alice.press("Make new recovery codes")
	alice.saves()
	alice.press("I have saved them")
	away := alice.again()
	away.open("/login")
	away.signsIn()
	away.recovers(alice.codes[0])
	alice.open("/account/settings/sessions/")
	alice.press(ask[string](alice, `() => document.querySelector("form[action$='/end'] button").getAttribute("aria-label")`))
}

// opensDetails opens what hides the button with that name.
func (p *person) opensDetails(button string) {
	p.t.Helper()
	summary := ask[string](p, `(name) => document.querySelector("[aria-label='" + name + "']").closest("details").querySelector("summary").textContent`, button)
	p.tap(summary)
}

// awaits follows a link that appears on the page once something is done.
func (p *person) awaits(link string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if ask[bool](p, `(text) => [...document.querySelectorAll("main a")].some((a) => a.textContent === text)`, link) {
			p.follow(link)
			return
		}
		p.do(p.loads(p.location()))
	}
	p.t.Fatalf("%s at %s never sees the link %q", p.name, p.location(), link)
}

func (c *cast) changesWorkspace() {
	alice := c.alice
	const settings = "/acme/workspace/settings/"
	alice.open(settings)
	alice.press("Save")
	alice.open(settings + "members")
	alice.press("Make owner: bob")
	alice.press("Make member: bob")
	alice.press("Remind those who aren't ready")
	alice.fill("Email", "carol@example.com")
	alice.press("Send invitation")
	alice.press("Withdraw the invitation of carol@example.com")
	alice.open(settings + "groups")
	alice.fill("Name", "Developers")
	alice.press("Create group")
	alice.fill("Username", "bob")
	alice.press("Add to group")
	alice.press("Remove bob from the group")
	alice.press("Save")
	alice.press("Delete group")
	c.store(`UPDATE workspace SET networks = '192.0.2.0/24' WHERE slug = 'acme'`) // the office has moved
	alice.open("/acme")
	alice.got(http.StatusForbidden)
	alice.open(control + "/networks")
	alice.press("Lift the allowed networks")
	alice.open("/acme")
	alice.got(http.StatusOK)
}

func (c *cast) changesRepository() {
	alice := c.alice
	alice.open("/acme/app/fork")
	alice.fill("Name", "spare")
	alice.press("Fork repository")
	const base, admin = "/acme/spare", "/acme/spare/admin"
	alice.awaits("Open spare")
	alice.open(base + "/branches")
	alice.press("Delete topic")
	alice.fill("Name", "next")
	alice.press("Create branch")
	alice.press("Make default: next")
	alice.open(base + "/tags")
	alice.press("Delete v1")
	alice.open(base + "/create")
	alice.fill("Name", "note.md")
	alice.press("Commit")
	alice.open(admin)
	alice.press("Save")
	alice.press("Archive")
	alice.press("Make it writable again")
	alice.press("Make public")
	alice.press("Make private")
	alice.press("Rename")
	alice.open(admin + "/branches")
	alice.fill("Branches", "release/*")
	alice.press("Save rule")
	alice.press("Delete the rule for release/*")
	alice.open(admin + "/permissions")
	alice.fill("Username", "bob")
	alice.press("Give permission")
	alice.open(admin + "/wiki")
	alice.press("Save")
	alice.open(admin + "/issues")
	alice.press("Save")
	alice.fill("New component", "engine")
	alice.press("Add a component")
	alice.press("Rename engine")
	alice.fill("To replace all issues that are here now", "spare")
	alice.chooses("f-archive", alice.makesTracker())
	alice.press("Import issues")
	alice.open(base + "/issues")
	alice.sees("Brought along")
	alice.open(admin + "/transfer")
	alice.fill("Type the repository's address to confirm", "spare")
	alice.press("Transfer repository")
	alice.isAt("/fourth/spare")
	alice.open("/fourth/spare/admin/delete")
	alice.fill("Type the repository's address to confirm", "spare")
	alice.press("Delete repository")
	c.imports()
}

// makesTracker gives a tracker in Bitbucket's zip.
func (p *person) makesTracker() string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "issues.zip")
	file, err := os.Create(path)
	p.do(err)
	defer file.Close()
	packed := zip.NewWriter(file)
	text, err := packed.Create("db-2.0.json")
	p.do(err)
	_, err = text.Write([]byte(`{"issues": [{"id": 7, "title": "Brought along", "content": "words", "kind": "bug", "priority": "minor", "status": "open",
		"created_on": "2026-01-02T03:04:05+00:00", "updated_on": "2026-01-02T03:04:05+00:00"}]}`))
	p.do(err)
	p.do(packed.Close())
	return path
}

// changesContent: what is done to issues, pages and snippets that exist.
func (c *cast) changesContent() {
	alice := c.alice
	alice.open("/acme/app/issues/1")
	alice.press("Stop watching")
	alice.fill("Your comment", "Thanks.")
	alice.press("Comment")
	alice.follow("Edit or history")
	alice.press("Delete")
	alice.open("/acme/app/issues?kind=bug")
	alice.tap("Saved searches")
	alice.fill("Name of this search", "Bugs")
	alice.press("Save this search")
	alice.follow("Bugs")
	alice.tap("Saved searches")
	alice.press("Rename Bugs")
	alice.tap("Saved searches")
	alice.press("Remove Bugs")
	alice.open("/acme/app/issues/new")
	alice.fill("Title", "By mistake")
	note := filepath.Join(alice.t.TempDir(), "note.txt")
	alice.do(os.WriteFile(note, []byte("words"), 0o644))
	alice.chooses("f-attachment", note)
	alice.press("Create issue")
	alice.press("Delete note.txt")
	alice.tap("Delete this issue")
	alice.press("Delete #2")
	alice.open("/acme/app/wiki/_new")
	alice.fill("Name", "Old")
	alice.fill("Text", "words")
	alice.press("Save")
	alice.open("/acme/app/wiki/_rename/Old")
	alice.fill("New name", "Older")
	alice.press("Rename")
	alice.open("/acme/app/wiki/_delete/Older")
	alice.press("Delete")
	alice.open("/acme/snippets")
	alice.follow("How we deploy")
	alice.follow("Edit")
	alice.fill("Title", "How we deploy now")
	alice.press("Save")
	alice.follow("Settings")
	alice.tap("Public")
	alice.press("Save")
	alice.press("Delete this snippet")
	alice.open(c.s.link(alice.email, "It never lands", "/issues/unsubscribe"))
	alice.press("Send me no more")
}

// changesNotifications: bob has said something about alice's snippet.
func (c *cast) changesNotifications() {
	alice := c.alice
	alice.open("/acme/app")
	alice.press("Watch")
	alice.press("Stop watching")
	alice.open("/account/notifications/")
	alice.sees("commented on the snippet How we deploy")
	alice.press("Mark all as read")
	alice.seesNot("New")
	alice.follow("Choose what you are told of, and how")
	alice.press("Save")
	alice.open(c.s.link(alice.email, "commented on the snippet How we deploy", "/notifications/unsubscribe"))
	alice.press("Send me no more")
	alice.sees("You get no more mails of this kind")
}

func (c *cast) changesAccount() {
	s, alice := c.s.account, c.alice
	const other = "alice@elsewhere.example.com"
	alice.open(s + "/manage-profile")
	alice.press("Save")
	alice.fill("Add an address", other)
	alice.press("Add address")
	alice.open(c.s.link(other, "Confirm", "/confirm"))
	alice.press("Confirm")
	alice.open(s + "/manage-profile")
	alice.press("Make main: " + other)
	alice.press("Make main: " + alice.email)
	alice.press("Remove " + other)
	away := alice.again()
	away.open(s + "/signin")
	away.signsIn()
	alice.open(s + "/manage-profile/sessions")
	alice.press(ask[string](alice, `() => document.querySelector("form[action$='/end'] button").getAttribute("aria-label")`))
	alice.open(s + security)
	alice.fill("Current password", alice.password)
	alice.password = "alice walks over the new bridge"
	c.s.secret(alice.password)
	alice.fill("New password", alice.password)
	alice.press("Change password")
	alice.open(s + "/manage-profile/apps")
	alice.press("Revoke Dashboard")

	bob := c.bob
	bob.open(s + security)
	bob.follows("/factor?")
	bob.fill("Name", "Phone")
	bob.press("Save")
	bob.follow("New recovery codes")
	bob.press("Make new recovery codes")
	bob.saves()
	bob.press("I have saved them")
	away = bob.again()
	away.open(s + "/signin")
	away.signsIn()
	away.recovers(bob.codes[1])
	away.open("/login")
	away.recovers(c.codes[1])
	away.open("/account/settings/security/")
	away.tap("My account's MFA also opens Code")
	away.press("Save")
}

// administers the account site.
func (c *cast) administers() {
	s, alice := c.s.account, c.alice
	alice.open(s + "/admin/people")
	alice.follow("Bob")
	alice.press("Ask for it: Make an administrator: Bob")
	alice.open(s + "/admin/approvals")
	alice.press(ask[string](alice, `() => document.querySelector("main form button").getAttribute("aria-label")`))
	alice.open(s + "/admin/people")
	alice.fill("Name", "Dora")
	alice.fill("Email", "dora@example.com")
	alice.press("Send invitation")
	alice.open(s + "/admin/policy")
	alice.tap("People may have a browser not ask for the second step for a while")
	alice.press("Save")
	away := c.bob.again()
	away.open(s + "/signin")
	away.signsIn()
	away.follow("Use a recovery code")
	away.tap(ask[string](away, `() => document.querySelector("[name=remember]").labels[0].textContent`))
	away.fill("Recovery code", c.bob.codes[0])
	away.press("Verify")
	away.open(s + security)
	away.press("Ask again there")
	alice.open(s + "/admin/apps/" + c.app)
	alice.press("Save")
	alice.press("Delete Dashboard")
	alice.open(s + "/admin/apps/new")
	alice.fill("Name", "Wiki")
	alice.fill("Redirect addresses", c.s.code+"/")
	alice.press("Save")
	alice.press("Make a new secret")
}

// leaves: what one does last.
func (c *cast) leaves() {
	alice := c.alice
	alice.open("/workspaces/new")
	alice.fill("Name", "Gone")
	alice.fill("Address", "gone")
	alice.press("Create workspace")
	alice.open("/gone/workspace/settings/delete")
	alice.fill("Type the workspace's address to confirm", "gone")
	alice.press("Delete workspace")
	alice.open("/acme/workspace/settings/members")
	alice.press("Remove bob")
	alice.open(c.s.account + "/end_session")
	alice.press("Sign out")
	c.bob.open(c.s.account + "/manage-profile")
	c.bob.signsOut()
}

// turnsStepsOff: bob that of his account, alice that of Code, each once it is
// set up anew.
func (c *cast) turnsStepsOff() {
	bob, alice := c.bob.again(), c.alice.again()
	bob.open(c.s.account + "/signin")
	bob.signsIn()
	bob.open(c.s.account + security)
	bob.follow("Turn on MFA")
	bob.enrols()
	bob.follow("Turn off MFA")
	bob.press("Turn off MFA")
	bob.sees("Turn on MFA")

	alice.open("/login")
	alice.signsIn()
	alice.open(twoStep)
	alice.enrols()
	alice.open(control)
	alice.tap("Off")
	alice.press("Preview")
	alice.press("Save")
	alice.open(twoStep + "turn-off")
	alice.fill("Verification code", alice.nextCode())
	alice.press("Turn off two-step verification")
	alice.sees("Two-step verification is off.")
}
