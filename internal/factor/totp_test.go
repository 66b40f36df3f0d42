package factor

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"pgregory.net/rapid"
)

// The SHA-1 column of RFC 6238, appendix B.
// Standard 6: the vectors of RFC 6238, of which its own program made three.
func TestRFC6238Vectors(t *testing.T) {
	key := []byte("12345678901234567890")
	for _, v := range []struct {
		unix int64
		code string
	}{
		{59, "94287082"},
		{1111111109, "07081804"},
		{1111111111, "14050471"},
		{1234567890, "89005924"},
		{2000000000, "69279037"},
		{20000000000, "65353130"},
	} {
		step := stepAt(time.Unix(v.unix, 0))
		if got := hotp(key, step, 8); got != v.code {
			t.Errorf("at %d: %s, the RFC says %s", v.unix, got, v.code)
		}
		if got := hotp(key, step, 6); got != v.code[2:] {
			t.Errorf("six digits at %d: %s, not the last of %s", v.unix, got, v.code)
		}
	}
}

// The SHA-1 examples of RFC 4226, appendix D.
func TestRFC4226Vectors(t *testing.T) {
	key := []byte("12345678901234567890")
	for counter, code := range []string{
		"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
	} {
		if got := hotp(key, int64(counter), 6); got != code {
			t.Errorf("counter %d: %s, the RFC says %s", counter, got, code)
		}
	}
}

func TestAgreesWithPquerna(t *testing.T) {
	options := totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), secretSize, secretSize).Draw(t, "key")
		at := time.Unix(rapid.Int64Range(0, 1<<35).Draw(t, "at"), 0)
		theirs, err := totp.GenerateCodeCustom(base32Text.EncodeToString(key), at, options)
		if err != nil {
			t.Fatal(err)
		}
		if ours := hotp(key, stepAt(at), digits); ours != theirs {
			t.Errorf("ours %s, pquerna's %s", ours, theirs)
		}
	})
}

func TestAgreesWithOathtool(t *testing.T) {
	tool, err := exec.LookPath("oathtool")
	if err != nil {
		t.Fatal("this test needs oathtool: apt-get install -y oathtool")
	}
	key := []byte("\x00\xffabcdefghijklmnopqr")
	for _, at := range []time.Time{
		time.Date(2005, 3, 18, 1, 58, 29, 0, time.UTC),
		time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
	} {
		out, err := exec.Command(tool, "--totp", "--base32", "--now", at.Format("2006-01-02 15:04:05 UTC"), base32Text.EncodeToString(key)).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if ours, theirs := hotp(key, stepAt(at), digits), strings.TrimSpace(string(out)); ours != theirs {
			t.Errorf("at %v: ours %s, oathtool's %s", at, ours, theirs)
		}
	}
}

// Standard 6: a step of skew at most.
func TestOneStepOfSkew(t *testing.T) {
	key := []byte("12345678901234567890")
	now := time.Unix(1234567890, 0)
	for offset := int64(-3); offset <= 3; offset++ {
		step := stepAt(now) + offset
		got := matching(key, hotp(key, step, digits), now)
		if want := offset >= -1 && offset <= 1; (len(got) == 1 && got[0] == step) != want {
			t.Errorf("a code %d steps away: %v", offset, got)
		}
	}
}

func TestKeyURIIsWhatAppsRead(t *testing.T) {
	key := base32Text.EncodeToString([]byte("12345678901234567890"))
	uri := keyURI("Sallyport Code", "alice", key)
	read, err := otp.NewKeyFromURL(uri)
	if err != nil {
		t.Fatal(err)
	}
	if read.Issuer() != "Sallyport Code" || read.AccountName() != "alice" || read.Secret() != key ||
		read.Period() != 30 || read.Digits() != otp.DigitsSix || read.Type() != "totp" {
		t.Errorf("%s is read as %q %q %q", uri, read.Issuer(), read.AccountName(), read.Secret())
	}
	if strings.Contains(uri, "+") {
		t.Errorf("a + for a space, which apps show: %s", uri)
	}
}
