package gitssh_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Attacks on the second step as SSH asks for it. At the pages of Code they are
// told in package web; docs/attacks.md lists all.

// give signs in with a key and answers the question for a code with each of
// some codes in turn. It gives how the door took them.
func (w *world) give(k key, codes ...string) (taken bool, asked int) {
	w.Helper()
	answers := func(_, _ string, questions []string, _ []bool) ([]string, error) {
		if len(questions) == 0 {
			return nil, nil
		}
		if asked == len(codes) {
			return nil, fmt.Errorf("no answer left")
		}
		asked++
		return []string{codes[asked-1]}, nil
	}
	client, err := w.dial(k, ssh.RetryableAuthMethod(ssh.KeyboardInteractive(answers), 3))
	if err != nil {
		return false, asked
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		w.Fatal(err)
	}
	defer session.Close()
	session.Stdin = strings.NewReader("0000")
	return session.Run("git-upload-pack 'acme/app.git'") == nil, asked
}

// Attack 21 (CVE-2025-64175): anybody's recovery code was taken. Over SSH
// another person's is none, nor is what their app shows, and neither is used up
// by being tried.
func TestAttack21AnothersRecoveryCode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.alice.Enrol()
		w.bob.Enrol()
		w.asksOverSSH()
		w.Now.Advance(30 * time.Second)
		if taken, asked := w.give(w.keyOf(w.alice), w.bob.Codes[0], w.bob.AppCode()); taken || asked != 2 {
			t.Errorf("bob's codes: taken %v, asked %d times", taken, asked)
		}
		for who, k := range map[string]struct {
			key  key
			code string
		}{"alice": {w.keyOf(w.alice), w.alice.Codes[0]}, "bob": {w.keyOf(w.bob), w.bob.Codes[0]}} {
			if taken, asked := w.give(k.key, k.code); !taken || asked != 1 {
				t.Errorf("the own recovery code of %s: taken %v, asked %d times", who, taken, asked)
			}
		}
	})
}

// Attack 37 (Kratos 26.2): one code of an authenticator app worked twelve times.
// Over SSH it works once, for one key; and not at all after a browser had it.
func TestAttack37OneCodeTwelveTimes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.alice.Enrol()
		w.asksOverSSH()
		first, others := w.keyOf(w.alice), []key{}
		for range 12 {
			others = append(others, w.keyOf(w.alice)) // each needs a step of its own
		}
		w.Now.Advance(30 * time.Second)
		code := w.alice.AppCode()
		if taken, _ := w.give(first, code); !taken {
			t.Fatal("the code doesn't work at all")
		}
		for i, k := range others {
			if taken, asked := w.give(k, code); taken || asked != 1 {
				t.Errorf("again (%d): taken %v, asked %d times", i+2, taken, asked)
			}
		}
		w.Now.Advance(time.Hour)
		code = w.alice.AppCode()
		w.alice.TakeStep() // in the browser, with this very code
		if taken, _ := w.give(others[0], code); taken {
			t.Error("a code that a browser had works over SSH")
		}
		w.Now.Advance(30 * time.Second)
		if taken, _ := w.give(others[0], w.alice.AppCode()); !taken {
			t.Error("the next code doesn't work")
		}
	})
}
