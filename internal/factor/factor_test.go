package factor_test

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/secret"
)

// world is a realm's factors on a clock that the test moves.
type world struct {
	*testing.T
	*factor.Service
	now *clock.Manual
}

func each(t *testing.T, f func(w world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { on(t, d, f) })
}

func on(t *testing.T, d *db.DB, f func(w world)) {
	box, err := secret.NewBox(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	f(world{t, &factor.Service{DB: d, Box: box, Clock: now.Now, Realm: factor.Code, Issuer: "Sallyport Code", URL: "https://code.test"}, now})
}

// other is the same database seen from the other realm.
func (w world) other() world {
	s := *w.Service
	s.Realm = factor.Account
	return world{w.T, &s, w.now}
}

func (w world) begin(holder string) factor.Pending {
	w.Helper()
	p, err := w.BeginTOTP(w.Context(), holder, holder)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// code is what the app shows now.
func (w world) code(p factor.Pending) string {
	w.Helper()
	code, err := totp.GenerateCode(strings.ReplaceAll(p.Secret.Reveal(), " ", ""), w.now.Now())
	if err != nil {
		w.Fatal(err)
	}
	return code
}

func (w world) confirm(holder, id, code string) error {
	return w.DB.InTx(w.Context(), func(tx *db.Tx) error {
		return w.ConfirmTOTP(w.Context(), tx, holder, id, code, "Phone")
	})
}

// enrol sets up an app and moves on to the next code.
func (w world) enrol(holder string) factor.Pending {
	w.Helper()
	p := w.begin(holder)
	if err := w.confirm(holder, p.ID, w.code(p)); err != nil {
		w.Fatal(err)
	}
	w.now.Advance(30 * time.Second)
	return p
}

func (w world) recovery(holder string) []string {
	w.Helper()
	var codes []string
	err := w.DB.InTx(w.Context(), func(tx *db.Tx) error {
		made, err := w.NewRecoveryCodes(w.Context(), tx, holder)
		for _, code := range made {
			codes = append(codes, code.Reveal())
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return codes
}

func (w world) accepts(holder, code string, by factor.Method) {
	w.Helper()
	if got, err := w.VerifyCode(w.Context(), holder, code); err != nil || got != by {
		w.Errorf("code %s of %s: %q, %v", code, holder, got, err)
	}
}

func (w world) refuses(holder, code string) error {
	w.Helper()
	_, err := w.VerifyCode(w.Context(), holder, code)
	if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["code"] == "" {
		w.Errorf("code %s of %s: %v", code, holder, err)
	}
	return err
}

func (w world) enrolled(holder string) bool {
	w.Helper()
	on, err := w.Enrolled(w.Context(), w.DB, holder)
	if err != nil {
		w.Fatal(err)
	}
	return on
}

func TestEnrolmentThenCodes(t *testing.T) {
	each(t, func(w world) {
		p := w.begin("alice")
		first := w.code(p)
		if err := w.confirm("alice", p.ID, first[:3]+" "+first[3:]); err != nil {
			w.Fatal(err)
		}
		w.refuses("alice", first) // the enrolment's code is used up
		w.now.Advance(30 * time.Second)
		w.accepts("alice", w.code(p), factor.TOTP)
		w.refuses("alice", w.code(p))
		factors, err := w.List(w.Context(), "alice")
		if err != nil || len(factors) != 1 {
			w.Fatalf("%v, %v", factors, err)
		}
		f := factors[0]
		if f.Kind != factor.TOTP || f.Label != "Phone" || !f.LastUsed.Equal(w.now.Now()) || f.Off() {
			w.Errorf("%+v", f)
		}
	})
}

// Standard 6: a step is accepted once, and none before it.
func TestACodeBeforeTheLastUsedOneIsRefused(t *testing.T) {
	each(t, func(w world) {
		p := w.enrol("alice")
		earlier := w.code(p)
		w.now.Advance(30 * time.Second)
		w.accepts("alice", w.code(p), factor.TOTP)
		w.refuses("alice", earlier) // within the skew, and never used
	})
}

// Attack 22.
func TestAttack22FiftyEqualCodesAtOnceOpenOnce(t *testing.T) {
	each(t, func(w world) {
		p := w.enrol("alice")
		recovery := w.recovery("alice")[0]
		for _, code := range []string{w.code(p), recovery} {
			var accepted, refused atomic.Int64
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					_, err := w.VerifyCode(w.Context(), "alice", code)
					switch {
					case err == nil:
						accepted.Add(1)
					case errs.Is(err, errs.KindInvalid):
						refused.Add(1)
					default:
						w.Error(err)
					}
				})
			}
			all.Wait()
			if accepted.Load() != 1 || refused.Load() != 49 {
				w.Errorf("code %s: %d accepted, %d refused", code, accepted.Load(), refused.Load())
			}
		}
	})
}

// Standard 5: sealed at rest, bound to its row.
func TestSecretsAreSealedForTheirRow(t *testing.T) {
	each(t, func(w world) {
		alice, bob := w.enrol("alice"), w.enrol("bob")
		if len(strings.ReplaceAll(alice.Secret.Reveal(), " ", "")) != 32 { // 160 bits
			w.Errorf("the secret is %s", alice.Secret.Reveal())
		}
		if _, err := db.Exec(w.Context(), w.DB, `
			UPDATE factor SET secret = (SELECT secret FROM factor WHERE id = $1) WHERE id = $2`, alice.ID, bob.ID); err != nil {
			w.Fatal(err)
		}
		// A secret moved to another row doesn't open, and that refuses.
		if _, err := w.VerifyCode(w.Context(), "bob", w.code(alice)); err == nil || errs.Is(err, errs.KindInvalid) {
			w.Errorf("a secret from another row: %v", err)
		}
	})
}

// Standard 8: ten, hashed, each once; new ones void them.
func TestRecoveryCodes(t *testing.T) {
	each(t, func(w world) {
		w.enrol("alice")
		codes := w.recovery("alice")
		seen := map[string]bool{}
		for _, code := range codes {
			seen[code] = true
			if plain := strings.ReplaceAll(code, "-", ""); len(plain)*5 < 112 { // ASVS 6.5.2: hashed plainly from 112 bits on
				w.Errorf("%s has %d bits", code, len(plain)*5)
			}
		}
		if len(seen) != 10 {
			w.Errorf("%d codes", len(seen))
		}
		w.accepts("alice", codes[0], factor.Recovery)
		w.refuses("alice", codes[0])
		w.accepts("alice", strings.ToUpper(strings.ReplaceAll(codes[1], "-", " ")), factor.Recovery)
		if left, err := w.RecoveryLeft(w.Context(), "alice"); err != nil || left != 8 {
			w.Errorf("%d left, %v", left, err)
		}
		fresh := w.recovery("alice")
		w.refuses("alice", codes[2]) // new ones void the old
		w.accepts("alice", fresh[0], factor.Recovery)
		stored, err := db.All[string](w.Context(), w.DB, `SELECT hash FROM recovery_code`)
		if err != nil || strings.Contains(strings.Join(stored, " "), strings.ReplaceAll(fresh[1], "-", "")) {
			w.Errorf("a code is stored plainly, %v", err)
		}
	})
}

// Attack 21.
func TestAttack21CodesOfOthersAreRefused(t *testing.T) {
	each(t, func(w world) {
		w.enrol("alice")
		bob := w.enrol("bob")
		code := w.recovery("alice")[0]
		w.refuses("bob", code)
		w.refuses("alice", w.code(bob))

		w.other().enrol("alice") // her account's factor, by the same id
		w.other().refuses("alice", code)
		elsewhere := w.other().recovery("alice")[0]
		w.refuses("alice", elsewhere)
		w.accepts("alice", code, factor.Recovery)
	})
}

func TestNewRecoveryCodesAtOnceLeaveTen(t *testing.T) {
	each(t, func(w world) {
		w.enrol("alice")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { w.recovery("alice") })
		}
		all.Wait()
		if left, err := w.RecoveryLeft(w.Context(), "alice"); err != nil || left != 10 {
			w.Errorf("%d left, %v", left, err)
		}
	})
}

func TestAHundredWrongCodesTurnAFactorOff(t *testing.T) {
	each(t, func(w world) {
		p := w.enrol("alice")
		codes := w.recovery("alice")
		wrong := w.wrong(p)
		for range 99 {
			w.refuses("alice", wrong)
		}
		w.accepts("alice", w.code(p), factor.TOTP) // in a row, so it starts anew
		w.now.Advance(30 * time.Second)
		for range 100 {
			w.refuses("alice", w.wrong(p))
		}
		if err := w.refuses("alice", w.code(p)); !strings.Contains(err.Error(), "turned this authenticator app off") {
			w.Error(err)
		}
		factors, err := w.List(w.Context(), "alice")
		if err != nil || len(factors) != 1 || !factors[0].Off() {
			w.Errorf("it isn't off: %+v, %v", factors, err)
		}
		if !w.enrolled("alice") {
			w.Error("guessing badly undid the enrolment")
		}
		w.accepts("alice", codes[0], factor.Recovery)

		if err := w.DB.InTx(w.Context(), func(tx *db.Tx) error { return w.RemoveAll(w.Context(), tx, "alice") }); err != nil {
			w.Fatal(err)
		}
		p = w.enrol("alice")
		w.accepts("alice", w.code(p), factor.TOTP)
	})
}

// wrong is a code that the app doesn't show around now.
func (w world) wrong(p factor.Pending) string {
	near := map[string]bool{}
	for _, d := range []time.Duration{-30, 0, 30} {
		code, _ := totp.GenerateCode(strings.ReplaceAll(p.Secret.Reveal(), " ", ""), w.now.Now().Add(d*time.Second))
		near[code] = true
	}
	for _, code := range []string{"000000", "111111", "222222", "333333"} {
		if !near[code] {
			return code
		}
	}
	panic("three codes, four candidates")
}

func TestRemovingLeavesNothing(t *testing.T) {
	each(t, func(w world) {
		one := w.begin("alice")
		p := w.enrol("alice")
		code := w.recovery("alice")[0]
		if err := w.DB.InTx(w.Context(), func(tx *db.Tx) error { return w.RemoveAll(w.Context(), tx, "alice") }); err != nil {
			w.Fatal(err)
		}
		w.refuses("alice", w.code(p))
		w.refuses("alice", code)
		if err := w.confirm("alice", one.ID, w.code(one)); !errs.Is(err, errs.KindConflict) {
			w.Errorf("a set-up from before: %v", err)
		}
		if w.enrolled("alice") {
			w.Error("still enrolled")
		}
	})
}

func TestBadInput(t *testing.T) {
	each(t, func(w world) {
		p := w.enrol("alice")
		for _, code := range []string{"", " ", "12345", "1234567", "１２３４５６", "\xff\xfe", strings.Repeat("9", 10_000), "'; --"} {
			w.refuses("alice", code)
		}
		w.refuses("nobody", w.code(p))
		w.refuses("", w.code(p))
		for _, label := range []string{strings.Repeat("a", 61), "a\x00b", "\xff"} {
			next := w.begin("bob")
			err := w.DB.InTx(w.Context(), func(tx *db.Tx) error {
				return w.ConfirmTOTP(w.Context(), tx, "bob", next.ID, w.code(next), label)
			})
			if !errs.Is(err, errs.KindInvalid) || errs.Fields(err)["label"] == "" {
				w.Errorf("label %q: %v", label, err)
			}
		}
	})
}

// Attack 15.
func TestAttack15AStoreThatIsDownIsNotAnAnswer(t *testing.T) {
	each(t, func(w world) {
		p := w.enrol("alice")
		code := w.code(p)
		w.DB.Close()
		if _, err := w.Enrolled(w.Context(), w.DB, "alice"); err == nil {
			w.Error("it says whether she is enrolled")
		}
		if _, err := w.VerifyCode(w.Context(), "alice", code); err == nil {
			w.Error("it accepted a code")
		}
	})
}
