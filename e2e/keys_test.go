package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

const security = "/manage-profile/security"

// holds gives the person's browser a security key: one that checks its user
// and keeps passkeys, or one that is only touched. It stays plugged in until
// the function that it gives is called.
func (p *person) holds(checksUser bool) (unplug func()) {
	p.t.Helper()
	var id webauthn.AuthenticatorID
	p.call(func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		added, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
			Options: &webauthn.VirtualAuthenticatorOptions{
				Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportUsb,
				HasResidentKey: checksUser, HasUserVerification: checksUser, IsUserVerified: checksUser,
				AutomaticPresenceSimulation: true,
			},
		})
		id = added.AuthenticatorID
		return err
	})
	return func() {
		p.t.Helper()
		p.call(func(ctx context.Context) error {
			_, err := chromedp.Call(ctx, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: id})
			return err
		})
	}
}

// addsKey goes through the set-up of a key from the page that offers it.
func (p *person) addsKey(name string) {
	p.t.Helper()
	p.follow("Add a security key or passkey")
	p.fill("Name", name)
	p.press("Add the key")
}

// Code's second step by keys: two of them, one touched only, one removed.
func TestSecurityKeys(t *testing.T) {
	s := serve(t)
	alice := s.comes(t, "alice")
	alice.setsUp()
	unplug := alice.holds(false)
	alice.open(twoStep)
	alice.addsKey("Blue key")
	alice.sees("Save your recovery codes")
	alice.saves()
	alice.press("I have saved them")
	alice.sees("Blue key", "10 codes are left")

	alice.signsOut()
	alice.open("/login")
	alice.goesOnThroughAccount()
	alice.sees("Verify it's you", "Use a recovery code")
	alice.seesNot("Use a code from your app") // there is none
	alice.press("Use a security key")
	alice.isAt("/")

	unplug()
	alice.holds(true)
	alice.open(twoStep)
	alice.follow("Add another")
	alice.addsKey("Green key")
	alice.sees("The second step is added", "Blue key", "Green key")
	alice.follow("Change Blue key")
	alice.fill("Name", "Old key")
	alice.press("Save")
	alice.sees("Old key")
	alice.follow("Change Old key")
	alice.press("Remove")
	alice.sees("The second step is removed", "Green key")
	alice.seesNot("Old key")
	alice.follow("Turn off two-step verification")
	alice.press("Turn off with a security key")
	alice.sees("Two-step verification is off.")
	s.mail(alice.email, "A second step was removed")
}

// A workspace that takes security keys alone leads to adding one, and back.
func TestPhishingResistantOnly(t *testing.T) {
	s := serve(t)
	alice, bob := s.comes(t, "alice"), s.comes(t, "bob")
	alice.setsUp()
	alice.creates("Acme")
	alice.invites(bob, "acme")
	bob.joins("Acme")
	const private = "/acme/workspace/settings/members"
	bob.open(twoStep)
	bob.enrols()
	alice.holds(true)
	alice.open(twoStep)
	alice.addsKey("")
	alice.saves()
	alice.press("I have saved them")
	alice.open(control)
	alice.tap("On")
	alice.tap("Phishing-resistant steps only")
	alice.press("Preview")
	alice.press("Save")

	bob.open(private)
	bob.got(403)
	bob.sees("Workspace acme requires a security key or passkey.", "Your app stays.")
	bob.holds(false)
	bob.addsKey("Key")
	bob.isAt(private)
	bob.sees("Members")

	// A code of the app isn't enough there, and the page says what is.
	bob.signsOut()
	bob.open(private)
	bob.goesOnThroughAccount()
	bob.follow("Use a code from your app")
	bob.verifies()
	bob.sees("takes security keys and passkeys alone")
	bob.press("Use a security key")
	bob.isAt(private)
}

// The account's own: a passkey alone signs in, to everything, and no code is asked for.
func TestPasskeyOfTheAccount(t *testing.T) {
	s := serve(t)
	alice := s.comes(t, "alice")
	alice.setsUp()
	unplug := alice.holds(true)
	alice.open(s.account + security)
	alice.follow("Turn on MFA")
	alice.addsKey("Laptop")
	alice.saves()
	alice.press("I have saved them")
	alice.isAt(s.account + security)
	alice.sees("Laptop", "On.")

	alice.signsOut()
	alice.open(s.account + "/signin")
	alice.passkey()
	alice.isAt(s.account + "/manage-profile")
	alice.open("/") // leaving the account has signed her out of Code too
	alice.sees("A team's private work, behind two doors")
	alice.open("/login") // Account knows her: nothing is asked
	alice.open("/account/settings/security/")
	alice.sees("MFA ✓")

	// Beside the password it is the second step.
	away := alice.again()
	away.open("/login")
	away.signsIn()
	away.sees("Verify it's you", alice.email)
	away.follow("Use a recovery code")
	away.fill("Recovery code", alice.codes[0])
	away.press("Verify")
	away.isAt("/")

	// A removed one is nothing, though its key still offers it.
	alice.open(s.account + security)
	alice.follow("Change Laptop")
	alice.follow("Turn the whole off")
	alice.press("Turn off MFA")
	alice.open(s.account + security)
	if strings.HasPrefix(alice.location(), s.account+"/signin") {
		alice.passkey()
		alice.got(400)
		alice.sees("The key's answer can't be accepted.")
	} else {
		t.Errorf("signed in by a passkey that is gone, at %s", alice.location())
	}
	unplug()
}

// The sign-in page has the browser offer passkeys where it fills in the email
// (conditional mediation): whoever picks one there is signed in, and presses nothing.
func TestAPasskeyIsOfferedInTheEmailField(t *testing.T) {
	s := serve(t)
	alice := s.comes(t, "alice")
	alice.setsUp()
	alice.holds(true)
	alice.open(s.account + security)
	alice.follow("Turn on MFA")
	alice.addsKey("Laptop")
	alice.saves()
	alice.press("I have saved them")
	alice.signsOut()
	alice.call(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: picksLater})
		return err
	})
	alice.open(s.account + "/signin")
	if fills := ask[string](alice, `() => document.querySelector("input[type=email]").autocomplete`); fills != "username webauthn" {
		t.Errorf("the email field is filled in with %q", fills)
	}
	if !ask[bool](alice, `() => window.offered`) {
		t.Fatal("keys of somebody's are named to whoever comes, or a key needn't check its user")
	}
	alice.tap("Email")
	alice.load(chromedp.Evaluate[chromedp.Void](`void window.pick()`))
	alice.isAt(s.account + "/manage-profile")
}

// picksLater stands for the browser's list under the field, which no test can
// reach: what is asked for conditionally waits until window.pick is called.
const picksLater = `(() => {
	const get = CredentialsContainer.prototype.get;
	PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(true);
	window.offered = new Promise((told) => {
		CredentialsContainer.prototype.get = function (wish) {
			if (wish.mediation !== "conditional") return get.call(this, wish);
			const { allowCredentials, userVerification } = wish.publicKey;
			return new Promise((answer) => {
				window.pick = () => answer(get.call(this, { publicKey: wish.publicKey }));
				told(!(allowCredentials || []).length && userVerification === "required");
			});
		};
	});
})()`

// passkey presses the button, where the browser hasn't offered it by itself.
func (p *person) passkey() {
	p.t.Helper()
	p.press("Sign in with a passkey")
}
