package factor_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	virtual "github.com/descope/virtualwebauthn"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
)

const session = "session-1"

var party = virtual.RelyingParty{ID: "code.test", Name: "Code", Origin: "https://code.test"}

// device is somebody's security key.
type device struct {
	world
	holder string
	auth   virtual.Authenticator
	cred   virtual.Credential
}

// newKey makes a key pair whose public half is well-formed: the virtual
// authenticator drops a coordinate's leading zeros, which one in 128 has.
func newKey() virtual.Credential {
	const whole = 77 // bytes of a COSE key on P-256
	for {
		if made := virtual.NewCredential(virtual.KeyTypeEC2); len(made.Key.AttestationData()) == whole {
			return made
		}
	}
}

// registers adds a new key to the holder.
func (w world) registers(holder string) *device {
	w.Helper()
	d := &device{world: w, holder: holder, auth: virtual.NewAuthenticator(), cred: newKey()}
	d.auth.Options.UserHandle = []byte(holder)
	d.cred.Counter = 1
	if err := d.register("Key"); err != nil {
		w.Fatal(err)
	}
	return d
}

func (d *device) register(label string) error {
	d.Helper()
	o, err := d.BeginKey(d.Context(), d.holder, d.holder, session)
	if err != nil {
		d.Fatal(err)
	}
	asked, err := virtual.ParseAttestationOptions(string(o.Key))
	if err != nil {
		d.Fatal(err)
	}
	answer := virtual.CreateAttestationResponse(party, d.auth, d.cred, *asked)
	key, err := d.ReadKey(d.Context(), d.holder, session, factor.Answer{Challenge: o.ID, Credential: answer})
	if err != nil {
		return err
	}
	return d.DB.InTx(d.Context(), func(tx *db.Tx) error { return d.AddKey(d.Context(), tx, key, label) })
}

// assertion is an answer of a key, each part of which a test may change before
// it is signed.
type assertion struct {
	id, rawID  []byte
	kind       string // "public-key"
	did        string // "webauthn.get"
	challenge  string
	origin     string
	crossed    bool
	rpID       string
	flags      byte // 1: user present, 4: user verified
	counter    uint32
	handle     string
	signer     virtual.Credential
	spoil      bool // the signature
	clientLate string
}

func (d *device) assertion(challenge string) *assertion {
	d.cred.Counter++
	return &assertion{
		id: d.cred.ID, rawID: d.cred.ID, kind: "public-key", did: "webauthn.get", challenge: challenge,
		origin: party.Origin, rpID: party.ID, flags: 5, counter: d.cred.Counter, handle: d.holder, signer: d.cred,
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *assertion) text(t *testing.T) string {
	t.Helper()
	client, err := json.Marshal(map[string]any{"type": a.did, "challenge": a.challenge, "origin": a.origin, "crossOrigin": a.crossed})
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(a.rpID))
	data := binary.BigEndian.AppendUint32(append(hash[:], a.flags), a.counter)
	clientHash := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), clientHash[:]...))
	signature, err := a.signer.Key.Sign(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if a.spoil {
		signature[len(signature)-1] ^= 1
	}
	if a.clientLate != "" {
		client = []byte(strings.Replace(string(client), party.Origin, a.clientLate, 1))
	}
	answer := map[string]any{
		"id": b64(a.id), "rawId": b64(a.rawID), "type": a.kind,
		"response": map[string]any{
			"authenticatorData": b64(data), "clientDataJSON": b64(client), "signature": b64(signature), "userHandle": b64([]byte(a.handle)),
		},
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asked gives what the holder's keys are asked to sign in the session.
func (w world) asked(holder, bound string) (id, challenge string) {
	w.Helper()
	o, err := w.AskKey(w.Context(), holder, bound)
	if err != nil {
		w.Fatal(err)
	}
	return o.ID, w.challengeIn(o)
}

func (w world) challengeIn(o factor.Options) string {
	w.Helper()
	var key struct{ Challenge string }
	if err := json.Unmarshal(o.Key, &key); err != nil || len(key.Challenge) < 43 {
		w.Fatalf("%s, %v", o.Key, err)
	}
	return key.Challenge
}

func TestAKeyIsASecondStep(t *testing.T) {
	each(t, func(w world) {
		d := w.registers("alice")
		d.registers("alice") // and a second one
		id, challenge := w.asked("alice", session)
		taken, err := w.VerifyKey(w.Context(), "alice", session, factor.Answer{Challenge: id, Credential: d.assertion(challenge).text(t)})
		if err != nil || taken.Method != factor.WebAuthn || !taken.Verified || !taken.Hardware || taken.Stalled {
			t.Fatalf("%+v, %v", taken, err)
		}
		// Whether the user was verified is told of this time, not of an earlier one.
		id, challenge = w.asked("alice", session)
		a := d.assertion(challenge)
		a.flags = 1
		taken, err = w.Verify(w.Context(), "alice", session, factor.Answer{Challenge: id, Credential: a.text(t)})
		if err != nil || taken.Verified {
			t.Errorf("%+v, %v", taken, err)
		}
		// A count that doesn't grow is told of, and the step is taken all the same.
		for _, count := range []uint32{a.counter, a.counter - 1} {
			id, challenge = w.asked("alice", session)
			a = d.assertion(challenge)
			a.counter = count
			if taken, err = w.VerifyKey(w.Context(), "alice", session, factor.Answer{Challenge: id, Credential: a.text(t)}); err != nil || !taken.Stalled {
				t.Errorf("count %d: %+v, %v", count, taken, err)
			}
		}
		id, challenge = w.asked("alice", session)
		if taken, err = w.VerifyKey(w.Context(), "alice", session, factor.Answer{Challenge: id, Credential: d.assertion(challenge).text(t)}); err != nil || taken.Stalled {
			t.Errorf("a count that grows again: %+v, %v", taken, err)
		}
		factors, err := w.List(w.Context(), "alice")
		if err != nil || len(factors) != 2 || factors[0].Kind != factor.WebAuthn || factors[0].Label != "Key" || factors[0].Synced {
			t.Errorf("%+v, %v", factors, err)
		}
		if err := d.register("Again"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("the same key twice: %v", err)
		}
	})
}

// Attack 20: every part of an answer, changed, is refused.
// Standard 9: every field of an answer is judged.
func TestAttack20EveryFieldOfAnAssertion(t *testing.T) {
	each(t, func(w world) {
		d, other := w.registers("alice"), w.registers("mallory")
		second := w.registers("alice")
		for name, change := range map[string]func(*assertion){
			"id is another":              func(a *assertion) { a.id = second.cred.ID },
			"rawId is another":           func(a *assertion) { a.rawID = second.cred.ID },
			"another account's key":      func(a *assertion) { a.id, a.rawID, a.signer = other.cred.ID, other.cred.ID, other.cred },
			"another account's, as mine": func(a *assertion) { a.signer = other.cred },
			"my other key signs":         func(a *assertion) { a.signer = second.cred },
			"unknown credential":         func(a *assertion) { a.id, a.rawID = []byte("nothing"), []byte("nothing") },
			"kind":                       func(a *assertion) { a.kind = "password" },
			"type":                       func(a *assertion) { a.did = "webauthn.create" },
			"origin":                     func(a *assertion) { a.origin = "https://code.test.evil.test" },
			"origin's port":              func(a *assertion) { a.origin = "https://code.test:8443" },
			"origin's scheme":            func(a *assertion) { a.origin = "http://code.test" },
			"a frame of another site":    func(a *assertion) { a.crossed = true },
			"rpIdHash":                   func(a *assertion) { a.rpID = "evil.test" },
			"challenge":                  func(a *assertion) { a.challenge = b64([]byte("chosen by the client, 32 bytes...")) },
			"empty challenge":            func(a *assertion) { a.challenge = "" },
			"user presence":              func(a *assertion) { a.flags = 4 },
			"user handle":                func(a *assertion) { a.handle = "mallory" },
			"signature":                  func(a *assertion) { a.spoil = true },
			"client data after signing":  func(a *assertion) { a.clientLate = "https://code.test/" },
			"backup without eligibility": func(a *assertion) { a.flags = 5 | 16 },
		} {
			id, challenge := w.asked("alice", session)
			a := d.assertion(challenge)
			change(a)
			_, err := w.VerifyKey(w.Context(), "alice", session, factor.Answer{Challenge: id, Credential: a.text(t)})
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["credential"] == "" {
				t.Errorf("%s: %v", name, err)
			}
			// Nor can the challenge be tried again with the right answer.
			if _, err := w.VerifyKey(w.Context(), "alice", session, factor.Answer{Challenge: id, Credential: d.assertion(challenge).text(t)}); err == nil {
				t.Errorf("%s: the challenge was good twice", name)
			}
		}
		for _, text := range []string{"{}", "[]", "null", "{", `"x"`, strings.Repeat("[", 100_000), "\x00"} {
			id, _ := w.asked("alice", session)
			if _, err := w.VerifyKey(w.Context(), "alice", session, factor.Answer{Challenge: id, Credential: text}); !errs.Is(err, errs.KindInvalid) {
				t.Errorf("%.20q: %v", text, err)
			}
		}
	})
}

// Attack 20: a challenge is ours, for one holder, one session, one purpose, once.
func TestAttack20WhoseChallenge(t *testing.T) {
	each(t, func(w world) {
		d, other := w.registers("alice"), w.registers("bob")
		try := func(what, holder, bound string, id, challenge string, of *device) {
			t.Helper()
			_, err := w.VerifyKey(w.Context(), holder, bound, factor.Answer{Challenge: id, Credential: of.assertion(challenge).text(t)})
			if !errs.Is(err, errs.KindInvalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		id, challenge := w.asked("alice", session)
		try("another session's", "alice", "session-2", id, challenge, d)
		try("another holder's", "bob", session, id, challenge, other)
		try("none", "alice", session, "", challenge, d)
		bobs, bob := w.asked("bob", session)
		try("mine signed, another's named", "alice", session, bobs, challenge, d)
		try("another's signed", "alice", session, id, bob, d)

		o, err := w.BeginKey(w.Context(), "alice", "alice", session)
		if err != nil {
			t.Fatal(err)
		}
		try("one for a new key", "alice", session, o.ID, w.challengeIn(o), d)
		o, err = w.AskPasskey(w.Context(), session)
		if err != nil {
			t.Fatal(err)
		}
		try("one for signing in", "alice", session, o.ID, w.challengeIn(o), d)

		elsewhere := w.other()
		id, challenge = w.asked("alice", session)
		if _, err := elsewhere.VerifyKey(w.Context(), "alice", session, factor.Answer{Challenge: id, Credential: d.assertion(challenge).text(t)}); err == nil {
			t.Error("a key of Code took the step of Account")
		}
		w.now.Advance(5*time.Minute + time.Second)
		try("one that is over", "alice", session, id, challenge, d)

		// A key that was removed.
		w.registers("alice")
		id, challenge = w.asked("alice", session)
		factors, err := w.List(w.Context(), "alice")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.DB.InTx(w.Context(), func(tx *db.Tx) error {
			_, err := w.Remove(w.Context(), tx, "alice", factors[0].ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		try("a removed key", "alice", session, id, challenge, d)
	})
}

func TestAttack22AnAnswerOpensOnce(t *testing.T) {
	each(t, func(w world) {
		d := w.registers("alice")
		id, challenge := w.asked("alice", session)
		answer := factor.Answer{Challenge: id, Credential: d.assertion(challenge).text(t)}
		var accepted atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_, err := w.VerifyKey(w.Context(), "alice", session, answer)
				if err == nil {
					accepted.Add(1)
				} else if !errs.Is(err, errs.KindInvalid) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if accepted.Load() != 1 {
			t.Errorf("accepted %d times", accepted.Load())
		}
	})
}

// Standard 9: a passkey that verified its user is both steps, and one that did not is not.
func TestAPasskeySignsInAlone(t *testing.T) {
	each(t, func(w world) {
		d, other := w.registers("alice"), w.registers("bob")
		try := func(bound string, change func(*assertion)) (string, factor.Taken, error) {
			t.Helper()
			o, err := w.AskPasskey(w.Context(), session)
			if err != nil {
				t.Fatal(err)
			}
			a := d.assertion(w.challengeIn(o))
			change(a)
			return w.VerifyPasskey(w.Context(), bound, factor.Answer{Challenge: o.ID, Credential: a.text(t)})
		}
		holder, taken, err := try(session, func(*assertion) {})
		if err != nil || holder != "alice" || !taken.Verified {
			t.Fatalf("%s, %+v, %v", holder, taken, err)
		}
		for name, change := range map[string]func(*assertion){
			"no user verification":  func(a *assertion) { a.flags = 1 },
			"no user presence":      func(a *assertion) { a.flags = 4 },
			"no user handle":        func(a *assertion) { a.handle = "" },
			"another's user handle": func(a *assertion) { a.handle = "bob" },
			"another's credential":  func(a *assertion) { a.id, a.rawID = other.cred.ID, other.cred.ID },
			"nobody's credential":   func(a *assertion) { a.id, a.rawID = []byte("x"), []byte("x") },
			"signature":             func(a *assertion) { a.spoil = true },
			"origin":                func(a *assertion) { a.origin = "https://evil.test" },
		} {
			if holder, _, err := try(session, change); !errs.Is(err, errs.KindInvalid) || holder != "" {
				t.Errorf("%s: %s, %v", name, holder, err)
			}
		}
		if _, _, err := try("another browser", func(*assertion) {}); !errs.Is(err, errs.KindInvalid) {
			t.Errorf("another browser's challenge: %v", err)
		}
	})
}

func TestNewKeysAreJudged(t *testing.T) {
	each(t, func(w world) {
		for name, change := range map[string]func(p *virtual.RelyingParty, d *device, o *virtual.AttestationOptions){
			"origin": func(p *virtual.RelyingParty, _ *device, _ *virtual.AttestationOptions) {
				p.Origin = "https://evil.test"
			},
			"rpId":      func(p *virtual.RelyingParty, _ *device, _ *virtual.AttestationOptions) { p.ID = "evil.test" },
			"challenge": func(_ *virtual.RelyingParty, _ *device, o *virtual.AttestationOptions) { o.Challenge = []byte("mine") },
			"user presence": func(_ *virtual.RelyingParty, d *device, _ *virtual.AttestationOptions) {
				d.auth.Options.UserNotPresent = true
			},
		} {
			d := &device{world: w, holder: "alice", auth: virtual.NewAuthenticator(), cred: newKey()}
			o, err := w.BeginKey(w.Context(), "alice", "alice", session)
			if err != nil {
				t.Fatal(err)
			}
			asked, err := virtual.ParseAttestationOptions(string(o.Key))
			if err != nil {
				t.Fatal(err)
			}
			at := party
			change(&at, d, asked)
			answer := virtual.CreateAttestationResponse(at, d.auth, d.cred, *asked)
			if _, err := w.ReadKey(w.Context(), "alice", session, factor.Answer{Challenge: o.ID, Credential: answer}); !errs.Is(err, errs.KindInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.enrolled("alice") {
			t.Error("enrolled by nothing")
		}
		if err := w.DB.InTx(w.Context(), func(tx *db.Tx) error { return w.AddKey(w.Context(), tx, factor.NewKey{}, "") }); err == nil {
			t.Error("the zero NewKey was kept")
		}
		d := w.registers("alice")
		mallory := &device{world: w, holder: "mallory", auth: d.auth, cred: d.cred}
		if err := mallory.register("Mine"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("somebody else's key: %v", err)
		}
	})
}

// Attack 12: a key alone is enrolment; and of a key moved to another row nothing opens.
func TestAttack12AKeyAloneIsEnrolment(t *testing.T) {
	each(t, func(w world) {
		w.registers("alice")
		w.registers("bob")
		if !w.enrolled("alice") {
			t.Error("not enrolled")
		}
		w.recovery("alice")
		if _, err := db.Exec(w.Context(), w.DB, `
			UPDATE factor SET secret = (SELECT secret FROM factor WHERE holder = 'bob') WHERE holder = 'alice'`); err != nil {
			t.Fatal(err)
		}
		if _, err := w.AskKey(w.Context(), "alice", session); err == nil {
			t.Error("a key moved to another row is asked for")
		}
	})
}

// Standard 7: several of each, with names and times, each removable.
func TestSeveralAppsAndKeys(t *testing.T) {
	each(t, func(w world) {
		one := w.enrol("alice")
		two := w.enrol("alice")
		w.registers("alice")
		// Attack 22, with several apps: of fifty equal codes one opens.
		for _, app := range []factor.Pending{one, two} {
			w.now.Advance(30 * time.Second)
			var accepted atomic.Int64
			var all sync.WaitGroup
			code := w.code(app)
			for range 50 {
				all.Go(func() {
					if _, err := w.VerifyCode(w.Context(), "alice", code); err == nil {
						accepted.Add(1)
					}
				})
			}
			all.Wait()
			if accepted.Load() != 1 {
				t.Errorf("accepted %d times", accepted.Load())
			}
		}
		factors, err := w.List(w.Context(), "alice")
		if err != nil || len(factors) != 3 || factor.KindsOf(factors) != (factor.Kinds{TOTP: true, WebAuthn: true}) {
			t.Fatalf("%+v, %v", factors, err)
		}
		change := func(f func(tx *db.Tx) error) error { return w.DB.InTx(w.Context(), f) }
		remove := func(holder, id string) error {
			return change(func(tx *db.Tx) error { _, err := w.Remove(w.Context(), tx, holder, id); return err })
		}
		rename := func(holder, id, label string) error {
			return change(func(tx *db.Tx) error { return w.Rename(w.Context(), tx, holder, id, label) })
		}
		if err := rename("alice", factors[0].ID, "Old phone"); err != nil {
			t.Error(err)
		}
		if err := rename("alice", factors[0].ID, " "); errs.Fields(err)["label"] == "" {
			t.Errorf("no name: %v", err)
		}
		for what, err := range map[string]error{
			"renaming another's": rename("mallory", factors[0].ID, "Mine"), "removing another's": remove("mallory", factors[0].ID),
			"renaming nothing": rename("alice", "nothing", "x"), "removing nothing": remove("alice", "nothing"),
		} {
			if !errs.Is(err, errs.KindNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := remove("alice", factors[0].ID); err != nil {
			t.Fatal(err)
		}
		w.now.Advance(30 * time.Second)
		w.refuses("alice", w.code(one))
		w.accepts("alice", w.code(two), factor.TOTP)
		// Two at once can't remove the last two.
		var removed atomic.Int64
		var all sync.WaitGroup
		for _, f := range factors[1:] {
			all.Go(func() {
				if err := remove("alice", f.ID); err == nil {
					removed.Add(1)
				} else if !errs.Is(err, errs.KindConflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if removed.Load() != 1 || !w.enrolled("alice") {
			t.Errorf("%d were removed", removed.Load())
		}
	})
}

func TestThereIsRoomForTwentyFactors(t *testing.T) {
	on(t, dbtest.SQLite(t), func(w world) {
		for range 20 {
			w.registers("alice")
		}
		if _, err := w.BeginKey(w.Context(), "alice", "alice", session); !errs.Is(err, errs.KindConflict) {
			t.Errorf("one more key: %v", err)
		}
		if _, err := w.BeginTOTP(w.Context(), "alice", "alice"); !errs.Is(err, errs.KindConflict) {
			t.Errorf("one more app: %v", err)
		}
	})
}

func TestKeysNeedAName(t *testing.T) {
	for address, good := range map[string]bool{
		"http://localhost:8080": true, "https://code.example.com": true, "http://127.0.0.1:8080": false, "http://[::1]:8080": false, "": false,
	} {
		if (&factor.Service{URL: address}).TakesKeys() != good {
			t.Errorf("%q: %v", address, !good)
		}
	}
}
