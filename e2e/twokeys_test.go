package e2e

import (
	"testing"
)

// realm is one of the two sites, as somebody with security keys sees it.
type realm struct {
	page   string // where its second steps are listed
	home   string // where signing in leads to
	turnOn func(*person)
	signIn func(*person) // up to the second step
}

// realms are both.
func realms(s *server) map[string]realm {
	return map[string]realm{
		"code": {
			page: s.code + twoStep, home: s.code + "/", turnOn: func(*person) {},
			signIn: func(p *person) {
				p.t.Helper()
				p.open("/login")
				p.goesOnThroughAccount()
			},
		},
		"account": {
			page: s.account + security, home: s.account + "/manage-profile",
			turnOn: func(p *person) {
				p.t.Helper()
				p.follow("Turn on MFA")
			},
			signIn: func(p *person) {
				p.t.Helper()
				p.open(s.account + "/signin")
				p.signsIn()
			},
		},
	}
}

// Two keys at each site: one that is only touched and one that checks its user.
// Either is the second step beside the password; one that was removed opens nothing.
func TestTwoKeys(t *testing.T) {
	for _, site := range []string{"code", "account"} {
		t.Run(site, func(t *testing.T) {
			s := serve(t)
			s.keys = true // the keyboard does for all but the key
			r := realms(s)[site]
			alice := s.comes(t, "alice")
			alice.setsUp()
			unplug := alice.holds(false)
			alice.hasFirstKey(r)
			alice.entersBy(r)

			unplug()
			alice.holds(true)
			alice.open(r.page)
			alice.follow("Add another")
			alice.addsKey("Green key")
			alice.sees("Blue key", "Green key")
			alice.entersBy(r)

			alice.open(r.page)
			alice.follow("Change Green key")
			alice.press("Remove")
			alice.sees("Blue key")
			alice.seesNot("Green key")
			alice.signsOut()
			r.signIn(alice)
			alice.triesKey("Use a security key")
			alice.recovers(alice.codes[0])
			alice.isAt(r.home)
		})
	}
}

// hasFirstKey turns the second step on by a key.
func (p *person) hasFirstKey(r realm) {
	p.t.Helper()
	p.open(r.page)
	r.turnOn(p)
	p.addsKey("Blue key")
	p.saves()
	p.press("I have saved them")
}

// entersBy signs out, and in again with the key that is plugged in.
func (p *person) entersBy(r realm) {
	p.t.Helper()
	p.signsOut()
	r.signIn(p)
	p.sees("Verify it's you")
	p.press("Use a security key")
	p.isAt(r.home)
}

// triesKey presses a button that asks for a key in vain: the page stays and says so.
func (p *person) triesKey(button string) {
	p.t.Helper()
	before := p.location()
	p.tap(button)
	said := ask[string](p, `() => new Promise((told) => {
		const place = document.querySelector("[data-key-error]");
		const look = () => place.hidden ? requestAnimationFrame(look) : told(place.textContent);
		look();
	})`)
	if p.location() != before || said == "" {
		p.t.Fatalf("%s is at %s after a key that mustn't do, and is told %q", p.name, p.location(), said)
	}
}

// A key that is only touched isn't two steps: it is no passkey to sign in with
// alone. One that checks its user is, until it is removed.
func TestAPasskeyChecksItsUser(t *testing.T) {
	s := serve(t)
	r := realms(s)["account"]
	alice := s.comes(t, "alice")
	alice.setsUp()
	unplug := alice.holds(false)
	alice.hasFirstKey(r)
	alice.signsOut()
	alice.open(s.account + "/signin")
	alice.triesKey("Sign in with a passkey")
	r.signIn(alice)
	alice.press("Use a security key")
	alice.isAt(r.home)
	unplug()

	alice.holds(true)
	alice.open(r.page)
	alice.follow("Add another")
	alice.addsKey("Green key")
	alice.signsOut()
	alice.open(s.account + "/signin")
	alice.passkey()
	alice.isAt(r.home)
	alice.open(r.page)
	alice.follow("Change Green key")
	alice.press("Remove")
	alice.signsOut()
	alice.open(s.account + "/signin")
	alice.passkey()
	alice.got(400)
	alice.sees("The key's answer can't be accepted.")
}

// Where JavaScript is off, every page that would ask a key says so, shows no
// button that does nothing, and offers another way that works.
func TestKeysWithoutScripts(t *testing.T) {
	for _, site := range []string{"code", "account"} {
		t.Run(site, func(t *testing.T) {
			s := serve(t)
			r := realms(s)[site]
			alice := s.comes(t, "alice")
			alice.setsUp()
			alice.holds(true)
			alice.hasFirstKey(r)

			alice.scriptless = true
			alice = alice.again()
			alice.open(map[string]string{"code": "/login", "account": s.account + "/signin"}[site])
			alice.signsIn()
			alice.sees("Verify it's you", "Security keys need JavaScript, which is off here. Choose another way.")
			alice.hasNoButton("Use a security key")
			alice.recovers(alice.codes[0])
			alice.isAt(r.home)

			alice.open(r.page)
			alice.follow("Add another")
			alice.follow("Add a security key or passkey")
			alice.sees("Security keys need JavaScript, which is off here. An authenticator app works without.")
			alice.hasNoButton("Add the key")
			if site == "account" {
				alice.signsOut()
				alice.open(s.account + "/signin")
				alice.hasNoButton("Sign in with a passkey")
				return
			}
			alice.open(r.page)
			alice.follow("Turn off two-step verification")
			alice.sees("Security keys need JavaScript, which is off here. Use a code.")
			alice.hasNoButton("Turn off with a security key")
			alice.follow("Use a code")
			alice.fill("Verification code", alice.codes[1])
			alice.press("Turn off two-step verification")
			alice.sees("Two-step verification is off.")
		})
	}
}

// hasNoButton fails where a button with the text is shown.
func (p *person) hasNoButton(text string) {
	p.t.Helper()
	if ask[bool](p, `(text) => [...document.querySelectorAll("button")].some((b) => b.textContent.trim() === text && b.checkVisibility({visibilityProperty: true}))`, text) {
		p.t.Errorf("%s at %s sees the button %q, which needs JavaScript", p.name, p.location(), text)
	}
}
