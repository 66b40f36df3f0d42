package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestScreens goes to every page, so that each is looked at by the checks of this
// package, and takes pictures where SALLYPORT_SCREENS names a folder: `make screens`.
func TestScreens(t *testing.T) {
	album := album{os.Getenv("SALLYPORT_SCREENS")}
	s := serve(t)
	alice, bob, carol := s.comes(t, "alice"), s.comes(t, "bob"), s.comes(t, "carol")

	alice.open("/")
	alice.open(s.setUp)
	alice.setsUp()
	alice.creates("Acme")
	alice.createsRepository("app")
	album.take(alice, "repository-empty")
	token := alice.makesToken()
	album.take(alice, "api-tokens")
	alice.pushes(token)
	alice.open("/acme")
	album.take(alice, "workspace")
	alice.open("/acme/app")
	album.take(alice, "repository", narrowWindow)
	alice.open("/acme/app/src/main/main.go")
	album.take(alice, "file")
	alice.open("/acme/app/commits")
	alice.open("/acme/app/branches")
	alice.open("/workspaces/new")
	alice.open("/acme/workspace/create-repository")
	alice.open("/acme/workspace/settings/")
	alice.open("/acme/workspace/settings/plan")
	alice.open("/acme/workspace/leave")
	alice.open("/acme/nothing")

	alice.invites(bob, "acme")
	bob.joins("Acme")
	alice.open("/acme/workspace/settings/access-controls")
	alice.tap("On")
	alice.press("Preview")
	album.take(alice, "access-controls-refused")
	alice.open(twoStep)
	album.take(alice, "two-step")
	alice.begins()
	album.take(alice, "two-step-app", narrowWindow)
	alice.verifies()
	album.take(alice, "two-step-codes", narrowWindow)
	alice.saves()
	alice.press("I have saved them")
	alice.open("/acme/workspace/settings/access-controls")
	alice.tap("On")
	alice.press("Preview")
	album.take(alice, "access-controls-preview", narrowWindow)
	alice.press("Save")
	album.take(alice, "access-controls", narrowWindow)
	alice.invites(carol, "acme")
	album.take(alice, "members")
	alice.open("/")
	album.take(alice, "home")
	alice.open("/account/settings/")
	alice.open("/account/settings/security/")
	album.take(alice, "security", narrowWindow)
	alice.open("/acme/workspace/settings/access-tokens")
	album.take(alice, "access-tokens", narrowWindow)
	alice.open("/acme/app/admin/access-tokens")
	alice.open("/acme/app/admin")
	album.take(alice, "repository-settings", narrowWindow)
	alice.open("/acme/workspace/settings/groups")
	alice.fill("Name", "Developers")
	alice.press("Create group")
	alice.fill("Username", "bob")
	alice.press("Add to group")
	album.take(alice, "group", narrowWindow)
	alice.open("/acme/workspace/settings/groups")
	album.take(alice, "groups", narrowWindow)
	alice.open("/acme/app/admin/permissions")
	alice.press("Give permission to the group")
	alice.open("/acme/app/admin/permissions")
	album.take(alice, "permissions", narrowWindow)
	alice.open("/acme/workspace/settings/audit-log")
	album.take(alice, "audit-log", narrowWindow)
	alice.open("/acme/workspace/settings/audit-log?who=bob&from=yesterday")
	alice.open("/acme/workspace/settings/delete")
	album.take(alice, "delete-workspace", narrowWindow)
	alice.open(twoStep + "turn-off")

	bob.open("/acme/app/src/main/README.md")
	album.take(bob, "blocked", narrowWindow)
	bob.open("/account/settings/security/")
	album.take(bob, "security-blocked", narrowWindow)
	bob.open(s.account + "/manage-profile")
	bob.open(s.account + "/manage-profile/security")

	carol.open(s.link(carol.email, "Acme", "/invitations/"))
	album.take(carol, "invitation")
	carol.follow("Sign in or sign up to accept")
	album.take(carol, "account-sign-up")
	carol.fill("Name", "Carol")
	carol.fill("Password", "short")
	carol.press("Create account")

	away := alice.again()
	away.open("/login")
	album.take(away, "account-sign-in")
	away.signsIn()
	album.take(away, "verify")
	away.fill("Verification code", "000000")
	away.press("Verify")
}

// album is a folder of pictures; without a folder it stays empty.
type album struct{ folder string }

// take makes pictures of the page: light and dark, and narrow where that is given.
func (a album) take(p *person, name string, narrow ...size) {
	p.t.Helper()
	if a.folder == "" {
		return
	}
	a.picture(p, name+"-light")
	p.scheme("dark")
	a.picture(p, name+"-dark")
	p.scheme("light")
	for _, w := range narrow {
		p.window(w)
		a.picture(p, fmt.Sprintf("%s-%d", name, w.width))
		p.window(wideWindow)
	}
}

// picture is the whole page, and the window at least.
func (a album) picture(p *person, name string) {
	p.t.Helper()
	p.call(func(ctx context.Context) error {
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(a.folder, name+".png"), picture, 0o644)
	})
}
