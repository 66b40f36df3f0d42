package web

import (
	"net/netip"
	"regexp"
	"testing"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
)

// Attacks on the second step, told through the pages of Code. Over SSH they are
// told in package gitssh; docs/attacks.md lists all.

var recoveryCode = regexp.MustCompile(`<li><code>([a-z2-7-]+)<`)

// enrolled is somebody with two-step verification on, and their recovery codes.
func (w *world) enrolled(name string) (b *browser, codes []string) {
	w.Helper()
	b = w.signedIn(name)
	b.enrols(twoStepPath)
	p := b.is(b.post(twoStepPath+"recovery-codes"), 200)
	for _, found := range recoveryCode.FindAllStringSubmatch(p.text, -1) {
		codes = append(codes, found[1])
	}
	return b, codes
}

// again is the same person in another browser, signed in at the account alone.
func (b *browser) again(name string) *browser {
	b.Helper()
	session, err := b.Users.OpenSession(b.Context(), user.Identity{Issuer: issuerURL, Subject: name}, user.SessionInfo{Address: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		b.Fatal(err)
	}
	other := b.browser()
	other.cookies[other.Site.cookies.Name(sessionCookie)] = session.Token.Reveal()
	return other
}

// entrance is a form that takes a code.
type entrance struct {
	where string
	give  func(code string) page
}

// entrances are those of Code: at a new sign-in, for a fresh step, and for
// turning two-step verification off. The step of b is stale then.
func (b *browser) entrances(name string) []entrance {
	b.Helper()
	b.now.Advance(access.FreshFor + time.Minute)
	at := func(b *browser, path string) func(string) page {
		return func(code string) page { return b.post(path, "code", code, "user", "eve", "holder", "eve") }
	}
	return []entrance{
		{"a new sign-in", at(b.again(name), "/login/verify")},
		{"a fresh step", at(b, "/login/verify")},
		{"turning it off", at(b, twoStepPath+"turn-off")},
	}
}

// Attack 21 (CVE-2025-64175): anybody's recovery code was taken. Here another
// person's is none at each form, nor is what their app shows; neither is used
// up by that, and the own one works.
func TestAttack21AnothersRecoveryCode(t *testing.T) {
	each(t, func(w *world) {
		alice, own := w.enrolled("alice")
		eve, eves := w.enrolled("eve")
		for i, e := range alice.entrances("alice") {
			for what, code := range map[string]string{"recovery code": eves[0], "app's code": eve.code()} {
				if p := e.give(code); p.Code != 400 {
					t.Errorf("eve's %s at %s: %d %s", what, e.where, p.Code, p.Header().Get("Location"))
				}
			}
			if p := e.give(own[i]); p.Code != 303 {
				t.Errorf("her own recovery code at %s: %d %s", e.where, p.Code, p.text)
			}
		}
		eve.leads(eve.again("eve").post("/login/verify", "code", eves[0]), "/")
	})
}

// Attack 37 (Kratos 26.2): one code of an authenticator app worked twelve times.
// Here it works once, whichever form it is given to first, and then at none.
func TestAttack37OneCodeTwelveTimes(t *testing.T) {
	each(t, func(w *world) {
		for i, name := range []string{"alice", "bob"} {
			b, _ := w.enrolled(name)
			all := b.entrances(name)
			code := b.code()
			b.leads(all[i].give(code), "/")
			for try := range 12 {
				e := all[try%len(all)]
				p := e.give(code)
				if p.Code < 400 || try < len(all) && p.Code != 400 {
					t.Errorf("first at %s, then (%d) at %s: %d %s", all[i].where, try+2, e.where, p.Code, p.text)
				}
				if try < len(all) {
					b.is(p, 400, "That code has been used already")
				}
			}
		}
	})
}
