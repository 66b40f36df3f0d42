package signin

import (
	"slices"
	"testing"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/factor"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func at(m Method, minutes int) Evidence {
	return Evidence{Method: m, At: noon.Add(time.Duration(minutes) * time.Minute)}
}

func verified(e Evidence) Evidence { e.Verified = true; return e }

func TestNextAsksOnlyForWhatIsMissing(t *testing.T) {
	app, key, both, none := factor.Kinds{TOTP: true}, factor.Kinds{WebAuthn: true}, factor.Kinds{TOTP: true, WebAuthn: true}, factor.Kinds{}
	pwd, otp, touch := at(MethodPassword, 0), at(MethodTOTP, 1), at(MethodKey, 2)
	two, phr := Need{Class: ClassTwo}, Need{Class: ClassPhishing}
	later := Need{After: noon.Add(10 * time.Minute)}
	for name, c := range map[string]struct {
		kinds factor.Kinds
		p     proven
		need  Need
		rules Rules
		trust bool
		want  Step
	}{
		"nothing yet":                    {kinds: app, want: StepPassword},
		"a password is all there is":     {kinds: none, p: proven{pwd}, want: StepDone},
		"a password, with an app":        {kinds: app, p: proven{pwd}, want: StepVerify},
		"a password, with a key alone":   {kinds: key, p: proven{pwd}, want: StepVerify}, // attack 12
		"both steps":                     {kinds: app, p: proven{pwd, otp}, want: StepDone},
		"a recovery code":                {kinds: key, p: proven{pwd, at(MethodRecovery, 1)}, want: StepDone},
		"a key that didn't verify, only": {kinds: key, p: proven{touch}, want: StepPassword},
		"a key beside the password":      {kinds: key, p: proven{pwd, touch}, want: StepDone},
		"a passkey alone":                {kinds: both, p: proven{verified(touch)}, want: StepDone}, // no code after it

		"a trusted browser":               {kinds: app, p: proven{pwd}, trust: true, want: StepDone},
		"a trusted browser isn't aal2":    {kinds: app, p: proven{pwd}, trust: true, need: two, want: StepVerify},
		"a trusted browser isn't fresh":   {kinds: app, p: proven{pwd}, trust: true, need: later, want: StepVerify},
		"aal2 with none set up":           {kinds: none, p: proven{pwd}, need: two, want: StepEnrol},
		"aal2 met":                        {kinds: app, p: proven{pwd, otp}, need: two, want: StepDone},
		"phr by a code":                   {kinds: app, p: proven{pwd, otp}, need: phr, want: StepEnrol}, // attack 27
		"phr by a code, there is a key":   {kinds: both, p: proven{pwd, otp}, need: phr, want: StepVerify},
		"phr met":                         {kinds: both, p: proven{pwd, touch}, need: phr, want: StepDone},
		"phr, first the second step":      {kinds: app, p: proven{pwd}, need: phr, want: StepVerify},
		"old password":                    {kinds: none, p: proven{pwd}, need: later, want: StepPassword},
		"fresh password":                  {kinds: none, p: proven{at(MethodPassword, 11)}, need: later, want: StepDone},
		"old steps":                       {kinds: app, p: proven{pwd, otp}, need: later, want: StepVerify},
		"a fresh code":                    {kinds: app, p: proven{pwd, at(MethodTOTP, 11)}, need: later, want: StepDone},
		"a fresh password, an old code":   {kinds: app, p: proven{at(MethodPassword, 11), otp}, need: later, want: StepVerify}, // attack 27
		"phr, the key was old":            {kinds: both, p: proven{pwd, touch, at(MethodTOTP, 11)}, need: Need{ClassPhishing, later.After}, want: StepVerify},
		"MFA is required":                 {kinds: none, p: proven{pwd}, rules: Rules{MFARequired: true}, want: StepEnrol},
		"MFA is required and there":       {kinds: app, p: proven{pwd, otp}, rules: Rules{MFARequired: true}, want: StepDone},
		"a required one is not undone":    {kinds: app, p: proven{pwd}, rules: Rules{MFARequired: true}, want: StepVerify},
		"whatever class the request says": {kinds: none, p: proven{pwd}, need: Need{Class: "gold"}, want: StepDone},
	} {
		f := Flow{person: person.Person{ID: "ada"}, proven: c.p, kinds: c.kinds, rules: c.rules, trusted: c.trust}
		if got := Next(f, c.need); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if _, err := f.Proof(); (err == nil) != (Next(f, Need{}) == StepDone || Next(f, Need{}) == StepEnrol) {
			t.Errorf("%s: a proof: %v", name, err)
		}
		f.person = person.Person{}
		if Next(f, c.need) != StepPassword {
			t.Errorf("%s, of nobody: %s", name, Next(f, c.need))
		}
	}
}

func TestAClassIsToldWithItsOwnTime(t *testing.T) {
	hardware := at(MethodKey, 30)
	hardware.Hardware = true
	for name, c := range map[string]struct {
		p     proven
		after int
		class Class
		at    int
		amr   []string
	}{
		"password":                {proven{at(MethodPassword, 5)}, 0, ClassOne, 5, []string{"pwd"}},
		"code":                    {proven{at(MethodPassword, 5), at(MethodTOTP, 7)}, 0, ClassTwo, 7, []string{"pwd", "otp", "mfa"}},
		"the password once more":  {proven{at(MethodTOTP, 7), at(MethodPassword, 20)}, 0, ClassTwo, 7, []string{"otp", "pwd", "mfa"}},
		"only that is fresh":      {proven{at(MethodTOTP, 7), at(MethodPassword, 20)}, 10, ClassOne, 20, []string{"otp", "pwd", "mfa"}},
		"a hardware key":          {proven{at(MethodPassword, 5), hardware}, 0, ClassPhishing, 30, []string{"pwd", "hwk", "user", "mfa"}},
		"a synced passkey":        {proven{verified(at(MethodKey, 9))}, 0, ClassPhishing, 9, []string{"swk", "user", "mfa"}},
		"an old key, a new code":  {proven{at(MethodPassword, 5), at(MethodKey, 6), at(MethodTOTP, 20)}, 10, ClassTwo, 20, []string{"pwd", "swk", "user", "otp", "mfa"}},
		"a key that is one alone": {proven{at(MethodKey, 9)}, 0, "", 0, []string{"swk", "user"}},
		"nothing is fresh":        {proven{at(MethodPassword, 5)}, 10, "", 0, []string{"pwd"}},
	} {
		class, when := c.p.level(noon.Add(time.Duration(c.after) * time.Minute))
		want := time.Time{}
		if c.class != "" {
			want = noon.Add(time.Duration(c.at) * time.Minute)
		}
		if class != c.class || !when.Equal(want) || !slices.Equal(c.p.amr(), c.amr) {
			t.Errorf("%s: %s at %v by %v", name, class, when, c.p.amr())
		}
	}
}
