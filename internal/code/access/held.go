package access

import (
	"strconv"
	"strings"
	"time"
)

// What was held at an access is kept with the daily counters, only as finely as
// a policy can tell it apart: how the step was taken, whether the account's
// sign-in was by MFA, and between which values of "Ask again after" each was old.

// AskAgains lists how long a second step may last, shortest first; zero, which
// isn't listed, is as long as the session.
func AskAgains() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{time.Hour, day, 7 * day, DefaultAskAgain}
}

// heldBy writes evidence for a counter, as in "totp.0 aal2.1".
func heldBy(e Evidence, now time.Time) string {
	var words []string
	if e.Step.Method.known() {
		words = append(words, string(e.Step.Method)+"."+ageOf(e.Step.At, now))
	}
	switch {
	case e.Account.PhishingResistant():
		words = append(words, "phr."+ageOf(e.Account.AuthTime, now))
	case e.Account.MFA():
		words = append(words, "aal2."+ageOf(e.Account.AuthTime, now))
	}
	return strings.Join(words, " ")
}

// ageOf gives which of AskAgains a step is within.
func ageOf(at, now time.Time) string {
	for i, limit := range AskAgains() {
		if within(at, limit, now) {
			return strconv.Itoa(i)
		}
	}
	return strconv.Itoa(len(AskAgains()))
}

// heldAs makes the evidence that a counter tells of, as if it were now. What
// can't be read counts as nothing.
func heldAs(text string, now time.Time) Evidence {
	var e Evidence
	for _, word := range strings.Fields(text) {
		kind, age, _ := strings.Cut(word, ".")
		at := now.Add(-2 * DefaultAskAgain)
		if i, err := strconv.Atoi(age); err == nil && i >= 0 && i < len(AskAgains()) {
			at = now.Add(-AskAgains()[i])
		}
		if method := Method(kind); method.known() {
			e.Step = Step{method, at}
		} else {
			e.Account = Account{ACR: kind, AuthTime: at}
		}
	}
	return e
}
