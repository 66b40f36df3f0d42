package user_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/mail/mailtest"
)

func public(t *testing.T, key any) ssh.PublicKey {
	t.Helper()
	made, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// line is how a public key stands in a .pub file.
func line(key ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) }

func newEd25519(t *testing.T) ssh.PublicKey {
	t.Helper()
	key, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public(t, key)
}

func newRSA(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// onSecurityKey is an ed25519 key as a security key has it.
func onSecurityKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	key, _, _ := ed25519.GenerateKey(rand.Reader)
	blob := ssh.Marshal(struct {
		Kind        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, key, "ssh:"})
	made, err := ssh.ParsePublicKey(blob)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

const dsaLine = "ssh-dss AAAAB3NzaC1kc3MAAACBAOwM4nyVwXsH"

func certificateLine(t *testing.T) string {
	t.Helper()
	_, secret, _ := ed25519.GenerateKey(rand.Reader)
	signer, err := ssh.NewSignerFromKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	certificate := &ssh.Certificate{Key: newEd25519(t), CertType: ssh.UserCert, ValidPrincipals: []string{"git"}, ValidBefore: ssh.CertTimeInfinity}
	if err := certificate.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	return line(certificate)
}

func privateText(t *testing.T) string {
	t.Helper()
	_, secret, _ := ed25519.GenerateKey(rand.Reader)
	block, err := ssh.MarshalPrivateKey(secret, "")
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func TestWhichKeysAreTaken(t *testing.T) {
	small := line(public(t, newRSA(t, 2048).Public()))
	good := line(newEd25519(t))
	refused := []struct{ what, text, says string }{
		{"nothing", " \n", "Paste a public key"},
		{"a word", "hello", "no public key of a kind that is taken"},
		{"a private key", privateText(t), "This is a private key"},
		{"PuTTY's private key", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none", "This is a private key"},
		{"RFC 4716", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "ssh-keygen -i -f"},
		{"PEM", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "ssh-keygen -i -m PKCS8 -f"},
		{"two keys", good + "\n" + good, "Paste one key"},
		{"cut short", good[:len(good)-6], "damaged or cut short"},
		{"of another kind than it says", strings.Replace(good, "ssh-ed25519", "ssh-rsa", 1), "damaged or cut short"},
		{"with something behind it", good[:len(good)-1] + "AAAA", "damaged or cut short"},
		{"no-touch-required", "no-touch-required " + line(onSecurityKey(t)), `Options such as "no-touch-required" aren't taken`},
		{"a command", `command="true",no-pty ` + good, "aren't taken"},
		{"a certificate", certificateLine(t), "This is a certificate"},
		{"DSA", dsaLine, "DSA keys are no longer safe"},
		{"short RSA", small, "This RSA key has 2048 bits; at least 3072 are needed"},
		{"too much", strings.Repeat("x", 20_000), "too long"},
	}
	each(t, func(w *world) {
		alice := w.signUp("alice")
		g := alice.grant(access.ManageKeys)
		for _, c := range refused {
			_, err := w.AddKey(w.Context(), g, user.KeyInput{Text: c.text, Label: "x"})
			if !errs.Is(err, errs.KindInvalid) || !strings.Contains(errs.Fields(err)["key"], c.says) {
				w.Errorf("%s: %v", c.what, err)
			}
		}
		for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
			key, _ := ecdsa.GenerateKey(curve, rand.Reader)
			if _, err := w.AddKey(w.Context(), g, user.KeyInput{Text: line(public(w.T, key.Public())), Label: "ecdsa"}); err != nil {
				w.Error(err)
			}
		}
		for _, key := range []ssh.PublicKey{public(w.T, newRSA(w.T, 3072).Public()), onSecurityKey(w.T), newEd25519(w.T)} {
			if _, err := w.AddKey(w.Context(), g, user.KeyInput{Text: line(key), Label: key.Type()}); err != nil {
				w.Errorf("%s: %v", key.Type(), err)
			}
		}
		if keys, err := w.Keys(w.Context(), g); err != nil || len(keys) != 6 {
			w.Errorf("%d keys, %v", len(keys), err)
		}
	})
}

// withKey gives the person a key and tells its fingerprint.
func (p *person) withKey(label string) (user.Key, string) {
	p.Helper()
	key := newEd25519(p.T)
	k, err := p.AddKey(p.Context(), p.grant(access.ManageKeys), user.KeyInput{Text: line(key) + " " + label})
	if err != nil {
		p.Fatal(err)
	}
	if k.Fingerprint != ssh.FingerprintSHA256(key) || k.Label != label {
		p.Errorf("kept as %+v", k)
	}
	return k, k.Fingerprint
}

func TestKeysOfPeople(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		w.subjects()
		var seq int64
		w.audited(&seq)

		key := newEd25519(w.T)
		k, err := w.AddKey(w.Context(), alice.grant(access.ManageKeys), user.KeyInput{Text: line(key) + " alice@laptop", Writable: true})
		if err != nil || k.Label != "alice@laptop" || k.Writable {
			w.Fatalf("%+v, %v", k, err)
		}
		for _, p := range []*person{alice, bob} {
			_, err := w.AddKey(w.Context(), p.grant(access.ManageKeys), user.KeyInput{Text: line(key), Label: "again"})
			w.is(err, errs.KindConflict, "a key that is in use")
		}
		holder, err := w.FromKey(w.Context(), k.Fingerprint, here)
		if err != nil || holder.Name != "alice" || holder.Actor.Credential != access.SSHKey || holder.Actor.CredentialID != k.ID ||
			holder.Actor.User != alice.actorOf(alice.session).User || holder.Actor.Step.Method != "" {
			w.Errorf("%+v, %v", holder, err)
		}
		w.UsedKey(holder)
		if err := w.Flush(w.Context()); err != nil {
			w.Error(err)
		}
		keys, err := w.Keys(w.Context(), alice.grant(access.ReadSelf))
		if err != nil || len(keys) != 1 || !keys[0].LastUsed.Equal(w.now.Now()) || keys[0].LastFrom != here.String() {
			w.Errorf("%+v, %v", keys, err)
		}

		w.is(w.RenameKey(w.Context(), bob.grant(access.ManageKeys), k.ID, "mine"), errs.KindNotFound, "renaming another's key")
		w.is(w.RenameKey(w.Context(), alice.grant(access.ManageKeys), k.ID, " "), errs.KindInvalid, "no name")
		if err := w.RenameKey(w.Context(), alice.grant(access.ManageKeys), k.ID, "laptop"); err != nil {
			w.Error(err)
		}
		w.is(w.RemoveKey(w.Context(), bob.grant(access.ManageKeys), k.ID), errs.KindNotFound, "removing another's key")
		if err := w.RemoveKey(w.Context(), alice.grant(access.ManageKeys), k.ID); err != nil {
			w.Error(err)
		}
		_, err = w.FromKey(w.Context(), k.Fingerprint, here)
		w.is(err, errs.KindUnauthenticated, "a key that was removed")
		if got, want := w.subjects(), []string{"alice@example.com: A new SSH key was added", "alice@example.com: An SSH key was removed"}; !slices.Equal(got, want) {
			w.Errorf("mailed %q", got)
		}
		if got, want := w.audited(&seq), []string{"ssh_key.added", "ssh_key.renamed", "ssh_key.removed"}; !slices.Equal(got, want) {
			w.Errorf("audited %q", got)
		}
	})
}

func TestAKeyEndsWithItsTimeOrItsOwner(t *testing.T) {
	each(t, func(w *world) {
		alice := w.signUp("alice")
		key := newEd25519(w.T)
		for _, days := range []int{-1, 4000} {
			_, err := w.AddKey(w.Context(), alice.grant(access.ManageKeys), user.KeyInput{
				Text: line(key), Label: "x", Expires: w.now.Now().Add(time.Duration(days) * 24 * time.Hour),
			})
			w.is(err, errs.KindInvalid, "an expiry out of range")
		}
		k, err := w.AddKey(w.Context(), alice.grant(access.ManageKeys), user.KeyInput{Text: line(key), Label: "x", Expires: w.now.Now().Add(time.Hour)})
		if err != nil {
			w.Fatal(err)
		}
		_, lasting := alice.withKey("lasting")
		if _, err := w.Suspend(w.Context(), alice.id.Issuer, alice.id.Subject, true); err != nil {
			w.Fatal(err)
		}
		_, err = w.FromKey(w.Context(), lasting, here)
		w.is(err, errs.KindUnauthenticated, "a key of somebody suspended")
		if _, err := w.Suspend(w.Context(), alice.id.Issuer, alice.id.Subject, false); err != nil {
			w.Fatal(err)
		}
		if _, err := w.FromKey(w.Context(), k.Fingerprint, here); err != nil {
			w.Error(err)
		}
		w.now.Advance(time.Hour)
		_, err = w.FromKey(w.Context(), k.Fingerprint, here)
		w.is(err, errs.KindUnauthenticated, "a key that has expired")
		if _, err := w.FromKey(w.Context(), lasting, here); err != nil {
			w.Error(err)
		}
	})
}

func TestDeployKeys(t *testing.T) {
	each(t, func(w *world) {
		alice, bob := w.signUp("alice"), w.signUp("bob")
		if _, err := w.workspaces.Create(w.Context(), alice.grant(access.CreateWorkspace), "acme", "Acme"); err != nil {
			w.Fatal(err)
		}
		for _, query := range []string{
			`INSERT INTO repository (id, workspace, slug, name, description, public, created, updated) SELECT 'r-app', id, 'app', 'App', '', FALSE, 1, 1 FROM workspace`,
			`INSERT INTO repository (id, workspace, slug, name, description, public, created, updated) SELECT 'r-lib', id, 'lib', 'Lib', '', FALSE, 1, 1 FROM workspace`,
			`INSERT INTO member (workspace, user_id, role, created) SELECT w.id, u.id, 'member', 1 FROM workspace w, code_user u WHERE u.username = 'bob'`,
		} {
			if _, err := db.Exec(w.Context(), w.DB, query); err != nil {
				w.Fatal(err)
			}
		}
		app := access.Target{Workspace: "acme", Repository: "app"}
		lib := access.Target{Workspace: "acme", Repository: "lib"}
		if _, err := bob.check(bob.session, app, access.ManageDeployKeys); !errs.Is(err, errs.KindDenied) {
			w.Errorf("a member who doesn't administer it: %v", err)
		}
		grantOn := func(target access.Target, action access.Action) access.Grant {
			w.Helper()
			g, err := alice.check(alice.session, target, action)
			if err != nil {
				w.Fatal(err)
			}
			return g
		}
		w.subjects()
		key, pushes := newEd25519(w.T), newEd25519(w.T)
		k, err := w.AddDeployKey(w.Context(), grantOn(app, access.ManageDeployKeys), user.KeyInput{Text: line(key), Label: "ci"})
		if err != nil {
			w.Fatal(err)
		}
		if _, err := w.AddDeployKey(w.Context(), grantOn(app, access.ManageDeployKeys), user.KeyInput{Text: line(pushes), Label: "bot", Writable: true}); err != nil {
			w.Fatal(err)
		}
		_, err = w.AddDeployKey(w.Context(), grantOn(lib, access.ManageDeployKeys), user.KeyInput{Text: line(key), Label: "ci"})
		w.is(err, errs.KindConflict, "a key of another repository")
		_, err = w.AddKey(w.Context(), alice.grant(access.ManageKeys), user.KeyInput{Text: line(key), Label: "mine"})
		w.is(err, errs.KindConflict, "a deploy key as one's own")

		for _, c := range []struct {
			key    ssh.PublicKey
			name   string
			pushes access.Outcome
		}{{key, "the deploy key “ci” of acme/app", access.Forbidden}, {pushes, "the deploy key “bot” of acme/app", access.Allow}} {
			holder, err := w.FromKey(w.Context(), ssh.FingerprintSHA256(c.key), here)
			if err != nil || holder.Name != c.name || holder.Actor.User != "" {
				w.Fatalf("%+v, %v", holder, err)
			}
			if _, err := w.gate.Check(w.Context(), holder.Actor, app, access.ReadRepository); err != nil {
				w.Errorf("%s may not read: %v", c.name, err)
			}
			_, err = w.gate.Check(w.Context(), holder.Actor, app, access.WriteRepository)
			if (err == nil) != (c.pushes == access.Allow) {
				w.Errorf("%s pushes: %v", c.name, err)
			}
			if _, err := w.gate.Check(w.Context(), holder.Actor, lib, access.ReadRepository); !errs.Is(err, errs.KindNotFound) {
				w.Errorf("%s reads another repository: %v", c.name, err)
			}
		}
		w.is(w.RemoveDeployKey(w.Context(), grantOn(lib, access.ManageDeployKeys), k.ID), errs.KindNotFound, "a key of another repository")
		w.is(w.RemoveKey(w.Context(), alice.grant(access.ManageKeys), k.ID), errs.KindNotFound, "a deploy key by one's own page")
		if err := w.RemoveDeployKey(w.Context(), grantOn(app, access.ManageDeployKeys), k.ID); err != nil {
			w.Error(err)
		}
		mails := mailtest.Take(w, w.Outbox)
		if len(mails) != 3 || mails[0].To != "alice@example.com" || !strings.Contains(mails[0].Text, "may now read acme/app. It was done by Alice (alice).") {
			w.Errorf("mailed %+v", mails)
		}
		if keys, err := w.DeployKeys(w.Context(), grantOn(app, access.ReadRepositoryAdmin)); err != nil || len(keys) != 1 || keys[0].Label != "bot" {
			w.Errorf("%+v, %v", keys, err)
		}
		if _, err := db.Exec(w.Context(), w.DB, `DELETE FROM repository WHERE id = 'r-app'`); err != nil {
			w.Fatal(err)
		}
		_, err = w.FromKey(w.Context(), ssh.FingerprintSHA256(pushes), here)
		w.is(err, errs.KindUnauthenticated, "a key of a repository that is gone")
	})
}

// A step over SSH is the key's, from the address that it was given from, and no
// longer than a session lasts.
func TestStepsOfKeys(t *testing.T) {
	elsewhere := netip.MustParseAddr("198.51.100.9")
	each(t, func(w *world) {
		alice := w.signUp("alice")
		k, print := alice.withKey("laptop")
		_, other := alice.withKey("other")
		if _, err := w.workspaces.Create(w.Context(), alice.grant(access.CreateWorkspace), "acme", "Acme"); err != nil {
			w.Fatal(err)
		}
		from := func(print string, address netip.Addr) access.Actor {
			w.Helper()
			holder, err := w.FromKey(w.Context(), print, address)
			if err != nil {
				w.Fatal(err)
			}
			return holder.Actor
		}
		asked := func(print string, address netip.Addr) bool {
			w.Helper()
			slugs, err := w.AskingOverSSH(w.Context(), from(print, address))
			if err != nil {
				w.Fatal(err)
			}
			if len(slugs) > 0 && !slices.Equal(slugs, []string{"acme"}) {
				w.Errorf("%q ask", slugs)
			}
			return len(slugs) > 0
		}
		set := func(set string) {
			w.Helper()
			if _, err := db.Exec(w.Context(), w.DB, `UPDATE workspace SET `+set); err != nil {
				w.Fatal(err)
			}
		}
		set(`require_two_step = TRUE`)
		w.is(w.StepByKey(w.Context(), from(print, here), "123456"), errs.KindConflict, "a code of somebody who isn't enrolled")
		w.is(w.VerifyKey(w.Context(), alice.grant(access.ManageKeys), k.ID), errs.KindConflict, "no step to give")
		alice.enrol()
		if asked(print, here) {
			w.Error("asked where no workspace asks")
		}
		set(`ask_over_ssh = TRUE, ask_again = 3600000000`)
		if !asked(print, here) {
			w.Error("not asked where a workspace asks")
		}
		w.is(w.StepByKey(w.Context(), from(print, here), "000000"), errs.KindInvalid, "a wrong code")
		code := alice.code()
		if err := w.StepByKey(w.Context(), from(print, here), code); err != nil {
			w.Fatal(err)
		}
		w.is(w.StepByKey(w.Context(), from(other, here), code), errs.KindInvalid, "a code used before")
		if asked(print, here) || !asked(print, elsewhere) || !asked(other, here) {
			w.Errorf("asked again: %v; elsewhere: %v; another key: %v", asked(print, here), asked(print, elsewhere), asked(other, here))
		}
		w.now.Advance(time.Hour + time.Second)
		if !asked(print, here) {
			w.Error("not asked after the interval")
		}
		set(`ask_again = 0`)
		if asked(print, here) {
			w.Error("asked though the interval is never")
		}
		w.now.Advance(31 * 24 * time.Hour)
		if !asked(print, here) {
			w.Error("not asked after the life of a session")
		}

		// By a recovery code, which is told; and from the browser.
		alice.session = alice.signIn()
		w.subjects()
		if err := w.StepByKey(w.Context(), from(print, here), alice.codes[0].Reveal()); err != nil {
			w.Fatal(err)
		}
		if got := w.subjects(); !slices.Equal(got, []string{"alice@example.com: A recovery code was used"}) {
			w.Errorf("mailed %q", got)
		}
		verified, err := w.VerifyStep(w.Context(), alice.session, typed(alice.code()), user.Visit{Address: here})
		if err != nil {
			w.Fatal(err)
		}
		alice.session = verified.Token
		w.is(w.VerifyKey(w.Context(), alice.grant(access.ManageKeys), "none"), errs.KindNotFound, "no such key")
		if err := w.VerifyKey(w.Context(), alice.grant(access.ManageKeys), k.ID); err != nil {
			w.Fatal(err)
		}
		if step := from(print, here).Step; step.Method != access.TOTP || !step.At.Equal(w.now.Now()) {
			w.Errorf("the step from the browser is %+v", step)
		}

		// A code doesn't help where only security keys count.
		set(`phishing_resistant = TRUE`)
		if asked(print, elsewhere) {
			w.Error("asked for a code that doesn't count")
		}
		set(`phishing_resistant = FALSE`)

		w.now.Advance(time.Minute)
		if err := w.TurnOffTwoStep(w.Context(), alice.grant(access.TurnOffTwoStep), typed(alice.code())); !errs.Is(err, errs.KindConflict) {
			w.Fatal(err)
		}
		set(`require_two_step = FALSE`)
		if err := w.TurnOffTwoStep(w.Context(), alice.grant(access.TurnOffTwoStep), typed(alice.code())); err != nil {
			w.Fatal(err)
		}
		if step := from(print, here).Step; step.Method != "" {
			w.Errorf("the step outlives two-step verification: %+v", step)
		}
	})
}
