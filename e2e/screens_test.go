package e2e

import (
	"context"
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
	album.take(alice, "code-front")
	alice.open(s.setUp)
	album.take(alice, "account-set-up")
	alice.setsUp()
	album.take(alice, "code-home-empty")
	alice.creates("Acme")
	album.take(alice, "code-workspace-empty")
	alice.createsRepository("app")
	album.take(alice, "code-repository-empty")
	token := alice.makesToken()
	album.take(alice, "code-api-tokens")
	alice.pushes(token)
	alice.open("/acme")
	album.take(alice, "code-workspace")
	alice.open("/acme/app")
	album.take(alice, "code-repository")
	alice.open("/acme/app/src/main/main.go")
	album.take(alice, "code-file")
	alice.open("/acme/app/commits")
	album.take(alice, "code-commits")
	alice.open("/acme/app/branches")
	album.take(alice, "code-branches")
	alice.open("/workspaces/new")
	album.take(alice, "code-new-workspace")
	alice.open("/acme/workspace/create-repository")
	album.take(alice, "code-new-repository")
	alice.open("/acme/workspace/settings/")
	album.take(alice, "code-settings")
	alice.open("/acme/workspace/settings/plan")
	album.take(alice, "code-plan")
	alice.open("/acme/workspace/leave")
	album.take(alice, "code-leave")
	alice.open("/acme/nothing")
	album.take(alice, "code-not-found")

	alice.invites(bob, "acme")
	bob.joins("Acme")
	alice.open("/acme/workspace/settings/access-controls")
	alice.press("Require two-step verification")
	album.take(alice, "code-controls-refused")
	alice.open(twoStep)
	album.take(alice, "code-two-step-off")
	alice.begins()
	album.take(alice, "code-two-step-app")
	alice.verifies()
	album.take(alice, "code-two-step-codes")
	alice.saves()
	alice.press("I have saved them")
	album.take(alice, "code-two-step-on")
	alice.open("/acme/workspace/settings/access-controls")
	alice.press("Require two-step verification")
	album.take(alice, "code-controls")
	alice.invites(carol, "acme")
	album.take(alice, "code-members")
	alice.open("/")
	album.take(alice, "code-home")
	alice.open("/account/settings/")
	album.take(alice, "code-profile")
	alice.open("/account/settings/security/")
	album.take(alice, "code-security")
	alice.open(twoStep + "turn-off")
	album.take(alice, "code-two-step-turn-off")

	bob.open("/acme/app/src/main/README.md")
	album.take(bob, "code-blocked")
	bob.open(s.account + "/manage-profile")
	album.take(bob, "account-profile")
	bob.open(s.account + "/manage-profile/security")
	album.take(bob, "account-security")

	carol.open(s.link(carol.email, "Acme", "/invitations/"))
	album.take(carol, "code-invitation")
	carol.follow("Sign in or sign up to accept")
	album.take(carol, "account-sign-up")
	carol.fill("Name", "Carol")
	carol.fill("Password", "short")
	carol.press("Create account")
	album.take(carol, "account-sign-up-refused")

	away := alice.again()
	away.open("/login")
	album.take(away, "account-sign-in")
	away.signsIn()
	album.take(away, "code-verify")
	away.fill("Verification code", "000000")
	away.press("Verify")
	album.take(away, "code-verify-refused")
}

// album is a folder of pictures; without a folder it stays empty.
type album struct{ folder string }

// take makes three pictures of the page: light, dark, and narrow.
func (a album) take(p *person, name string) {
	p.t.Helper()
	if a.folder == "" {
		return
	}
	a.picture(p, name)
	p.scheme("dark")
	a.picture(p, name+"-dark")
	p.scheme("light")
	p.window(narrowWindow)
	a.picture(p, name+"-320")
	p.window(wideWindow)
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
