package e2e

import (
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
)

const (
	deep    = "/acme/app/src/main/README.md" // a page within a private repository
	words   = "Takes the team to the moon."  // what stands on it
	blocked = "You've been temporarily blocked from this page"
	control = "/acme/workspace/settings/access-controls"
)

// TestTheMainJob is the job that Sallyport is for, from an empty folder on.
func TestTheMainJob(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { walk(t, serve(t)) })
	t.Run("postgres", func(t *testing.T) {
		walk(t, serve(t, "--database", dbtest.PostgresURL(t)))
	})
}

func walk(t *testing.T, s *server) {
	alice, bob := team(t, s)
	bob.open(deep)
	bob.sees(words)

	ownerMustEnrolFirst(alice)
	blockedThenEnrolled(bob)
	signsInWithTheStep(bob)
	outsiderSeesNothing(t, alice)
}

// An owner is refused with the way to their own step, and comes back to the switch.
func ownerMustEnrolFirst(alice *person) {
	alice.t.Helper()
	alice.open(control)
	alice.sees("You would be blocked until you set up two-step verification")
	alice.tap("On")
	alice.press("Preview")
	alice.sees("Turn on your own two-step verification first.")
	alice.follow("Set up two-step verification")
	alice.enrols()
	if path, _, _ := strings.Cut(alice.path(), "?"); path != control {
		alice.t.Fatalf("after enrolment the owner is at %s", alice.location())
	}
	alice.press("Preview")
	alice.sees("1 of 2 members would be asked for something or refused.")
	alice.press("Save")
	alice.sees("Two-step verification is required from now on, at every door.", "1 of 2 members", "Blocked until set up")
}

// A member who is blocked enrols, and lands on the page first asked for.
func blockedThenEnrolled(bob *person) {
	bob.t.Helper()
	bob.open(deep)
	bob.got(403)
	bob.isAt(deep)
	bob.sees(blocked, "Acme", "Workspace acme requires two-step verification.", "How you sign in to your account stays as it is.")
	bob.seesNot(words, "main.go", "Count down")
	bob.follow("Set up two-step verification")
	bob.begins()
	if !ask[bool](bob, `() => document.querySelectorAll("figure svg path").length > 0`) {
		bob.t.Error("no QR code is drawn")
	}
	key := bob.key
	bob.fill("Verification code", "abcdef")
	bob.press("Verify")
	bob.isAt(twoStep + "app")
	if bob.reads(); bob.key != key {
		bob.t.Error("a wrong code makes another key")
	}
	bob.verifies()
	bob.saves()
	if text := ask[string](bob, `() => decodeURIComponent(document.querySelector("a[download]").href)`); !strings.Contains(text, strings.Join(bob.codes, "\n")) {
		bob.t.Errorf("the download has not all codes: %s", text)
	}
	if text := ask[string](bob, `() => document.querySelector(".recovery [data-copy]").dataset.copy`); !strings.Contains(text, strings.Join(bob.codes, "\n")) {
		bob.t.Errorf("what is copied has not all codes: %s", text)
	}
	bob.press("I have saved them")
	bob.isAt(deep)
	bob.got(200)
	bob.sees(words)

	bob.open(twoStep)
	bob.sees("10 codes are left")
	bob.seesNot(bob.codes...) // they are shown once
}

// From then on the step is asked for at sign-in to Code, and at Account never.
func signsInWithTheStep(bob *person) {
	bob.t.Helper()
	bob.signsOut()
	bob.open(deep)
	bob.goesOnThroughAccount()
	if bob.path() != "/login/verify" {
		bob.t.Fatalf("no step is asked for, at %s", bob.location())
	}
	bob.verifies()
	bob.isAt(deep)

	away := bob.again()
	away.open(deep)
	away.signsIn()
	away.recovers(bob.codes[0])
	away.isAt(deep)

	// The same recovery code is over, another one isn't.
	further := bob.again()
	further.open(deep)
	further.signsIn()
	further.recovers(bob.codes[0])
	further.got(400)
	further.fill("Recovery code", strings.ToUpper(bob.codes[1]))
	further.press("Verify")
	further.isAt(deep)

	// Account asks for email and password, as it did before.
	atAccount := bob.again()
	atAccount.open(bob.s.account + "/manage-profile")
	atAccount.signsIn()
	atAccount.isAt(bob.s.account + "/manage-profile")
}

// goesOnThroughAccount signs in there, where Account doesn't know the browser any more.
func (p *person) goesOnThroughAccount() {
	p.t.Helper()
	if strings.HasPrefix(p.location(), p.s.account+"/signin") {
		p.signsIn()
	}
}

// Who belongs to another workspace can't tell this one from nothing at all.
func outsiderSeesNothing(t *testing.T, alice *person) {
	t.Helper()
	alice.creates("Other")
	carol := alice.s.comes(t, "carol")
	alice.invites(carol, "other")
	carol.joins("Other")
	var pages []string
	for _, address := range []string{deep, "/acme", control, "/nowhere", "/nowhere/app/src/main/README.md"} {
		carol.open(address)
		carol.got(404)
		pages = append(pages, ask[string](carol, `() => document.querySelector("main").innerText`))
	}
	for _, page := range pages {
		if page != pages[0] {
			t.Errorf("an outsider can tell pages apart:\n%s\n%s", pages[0], page)
		}
	}
	stranger := alice.s.comes(t, "stranger")
	stranger.open(deep)
	if !strings.HasPrefix(stranger.location(), alice.s.account+"/signin") {
		t.Errorf("nobody is at %s", stranger.location())
	}
}
