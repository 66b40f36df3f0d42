package main

import (
	"bytes"
	"errors"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// totpStep is RFC 6238's.
const totpStep = 30

// otp SECRET puts the next code of an authenticator into $OTP. Each code is of
// a later time step than the one before, as the server burns them; it takes the
// step of skew that the server allows, before it waits.
func cmdOTP(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: otp SECRET")
	}
	secret := strings.ReplaceAll(args[0], " ", "")
	last := scriptOf(ts).lastStep
	step := time.Now().Unix() / totpStep
	if time.Now().Unix()%totpStep < totpStep-8 {
		step-- // the step before is good for long enough
	}
	step = max(step, last[secret]+1)
	for step > time.Now().Unix()/totpStep+1 {
		time.Sleep(100 * time.Millisecond) // for the real time to come
	}
	last[secret] = step
	at := time.Unix(step*totpStep, 0).UTC().Format("2006-01-02 15:04:05 UTC")
	code, err := exec.Command("oathtool", "--totp", "--base32", "--now="+at, secret).Output()
	if errors.Is(err, exec.ErrNotFound) {
		ts.Fatalf("the scripts need oathtool; install it: apt-get install -y oathtool")
	}
	ts.Check(err)
	ts.Setenv("OTP", strings.TrimSpace(string(code)))
}

var linkInMail = regexp.MustCompile(`https?://[^\s<>]+`)

// link NAME ADDRESS PATTERN waits for a mail to the address that has a link
// that fits and wasn't given before, and puts the link into a variable.
func cmdLink(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) != 3 {
		ts.Fatalf("usage: link NAME ADDRESS PATTERN")
	}
	pattern, err := regexp.Compile(args[2])
	ts.Check(err)
	s := scriptOf(ts)
	if s.taken == nil {
		s.taken = map[string]bool{}
	}
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(ts.Getenv("SALLYPORT_DATA"), "mail", "*.eml"))
		ts.Check(err)
		slices.Sort(files)
		for _, file := range files {
			text, err := os.ReadFile(file)
			ts.Check(err)
			for _, link := range linksTo(text, args[1]) {
				if pattern.MatchString(link) && !s.taken[link] {
					s.taken[link] = true
					ts.Setenv(args[0], link)
					return
				}
			}
		}
	}
	ts.Fatalf("no mail to %s with such a link came", args[1])
}

func linksTo(mail []byte, address string) []string {
	m, err := netmail.ReadMessage(bytes.NewReader(mail))
	if err != nil {
		return nil
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Address != address {
		return nil
	}
	var body bytes.Buffer
	_, _ = body.ReadFrom(m.Body)
	return linkInMail.FindAllString(body.String(), -1)
}
