package e2e

import (
	"strings"
	"testing"
)

// What was typed into a form is kept while the step that it needs is taken.
func TestAFormIsKept(t *testing.T) {
	s := serve(t)
	alice, bob := team(t, s)
	const form = "/acme/workspace/create-repository"
	away := bob.again()
	away.open(form)
	away.signsIn()
	for _, each := range []*person{bob, away} {
		each.open(form)
		each.fill("Description", "Where we live later")
	}
	bob.fill("Name", "moon-base")
	away.fill("Name", "mars-base")
	alice.requires() // while both forms are being filled in

	bob.press("Create repository")
	bob.got(403)
	bob.sees(blocked)
	bob.follow("Set up two-step verification")
	bob.enrols()
	bob.hasForm(form, "moon-base", "Where we live later")
	bob.press("Create repository")
	bob.isAt("/acme/moon-base")

	// The other browser's session is from before the enrolment.
	away.press("Create repository")
	if away.path() != "/login/verify" {
		t.Fatalf("a form is taken without the step, at %s", away.location())
	}
	away.key, away.step = bob.key, bob.step
	away.verifies()
	away.hasForm(form, "mars-base", "Where we live later")
	away.press("Create repository")
	away.isAt("/acme/mars-base")
}

func (p *person) hasForm(address, name, description string) {
	p.t.Helper()
	if p.path() != address {
		p.t.Fatalf("%s is at %s, not back at the form", p.name, p.location())
	}
	for field, want := range map[string]string{"f-name": name, "f-description": description} {
		if got := ask[string](p, `(id) => document.getElementById(id).value`, field); got != want {
			p.t.Errorf("%s has %q in %s, not %q", p.name, got, field, want)
		}
	}
}

// Two tabs enrol at once: one wins, the other one is told so.
func TestTwoTabsEnrol(t *testing.T) {
	s := serve(t)
	alice := s.comes(t, "alice")
	alice.setsUp()
	other := alice.newTab()
	alice.open(twoStep)
	alice.begins()
	other.open(twoStep)
	other.begins()
	if alice.key == other.key {
		t.Error("two set-ups have the same key")
	}
	alice.verifies()
	alice.saves()
	other.verifies()
	other.got(409)
	other.sees("Two-step verification", "On.")
	if ask[bool](other, `() => document.querySelector(".codes") !== null`) {
		t.Error("the tab that lost shows recovery codes")
	}
	alice.press("I have saved them")
	alice.sees("10 codes are left")

	// The key of the tab that lost is good for nothing.
	away := alice.again()
	away.key, away.step = other.key, 0
	away.open("/login")
	away.signsIn()
	away.verifies()
	away.got(400)
	away.recovers(alice.codes[0])
	away.isAt("/")
}

// Whoever turns the step off proves it first, and is told what that closes.
func TestTurningOff(t *testing.T) {
	s := serve(t)
	alice, bob := team(t, s)
	alice.requires()
	bob.open(deep)
	bob.follow("Set up two-step verification")
	bob.enrols()

	bob.open(twoStep)
	bob.follow("Turn off two-step verification")
	bob.sees("This closes to you", "Acme")
	bob.fill("Verification code", "000000")
	bob.press("Turn off two-step verification")
	bob.got(400)
	bob.open(deep)
	bob.got(200)
	bob.open(twoStep + "turn-off")
	bob.fill("Verification code", bob.nextCode())
	bob.press("Turn off two-step verification")
	bob.open(deep)
	bob.got(403)
	bob.sees(blocked)
	s.mail(bob.email, "wo-step verification")

	// The last owner who meets the rule of a workspace can't.
	alice.open(twoStep + "turn-off")
	alice.sees("Acme")
	alice.turnsOffInVain()
	alice.open(deep)
	alice.got(200)
}

// turnsOffInVain tries, where the page lets one.
func (p *person) turnsOffInVain() {
	p.t.Helper()
	if ask[bool](p, `() => document.querySelector("input[name=code]") !== null`) {
		p.fill("Verification code", p.nextCode())
		p.press("Turn off two-step verification")
		p.got(409)
	}
	p.sees("last owner")
}

// Anybody may sign up where that is open: by a link in a mail, and the password once more.
func TestOpenSignUp(t *testing.T) {
	s := serve(t, "--signup", "open")
	dora := s.comes(t, "dora")
	dora.open("/login")
	dora.follow("Create one")
	dora.fill("Name", "Dora")
	dora.fill("Email", dora.email)
	dora.fill("Password", "short")
	dora.press("Create account")
	dora.sees("at least 15 characters")
	dora.fill("Password", dora.password)
	dora.press("Create account")
	dora.sees("Check your mail", dora.email)
	link := s.link(dora.email, "", s.account)
	dora.open(link)
	dora.fill("Password", "not what was chosen")
	dora.press("Confirm")
	dora.got(400)
	dora.fill("Password", dora.password)
	dora.press("Confirm")
	if !strings.HasPrefix(dora.location(), s.code) {
		dora.open("/login")
	}
	dora.choosesUsername()
	dora.sees("You are in no workspace yet")

	dora.open(link)
	if dora.seen.status() < 400 {
		dora.fill("Password", dora.password)
		dora.press("Confirm")
	}
	if dora.seen.status() < 400 {
		t.Errorf("a link works twice, at %s", dora.location())
	}

	away := dora.again()
	away.open("/login")
	right := away.password
	away.password = "dora walks over the new bridge"
	away.signsIn()
	if got := away.seen.status(); got < 400 {
		t.Errorf("a wrong password gets %d", got)
	}
	away.password = right
	away.signsIn()
	away.isAt("/")
}

// The switch between light and dark is remembered.
func TestThemeSwitch(t *testing.T) {
	p := serve(t).comes(t, "alice")
	p.open("/")
	const ground = `() => getComputedStyle(document.body).backgroundColor`
	light := ask[string](p, ground)
	p.tap("Switch between light and dark")
	dark := ask[string](p, ground)
	if light == dark {
		t.Errorf("the switch does nothing: %s", dark)
	}
	p.open("/")
	if got := ask[string](p, ground); got != dark {
		t.Errorf("after another page it is %s, not %s", got, dark)
	}
}
