package factor

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sallyport.dev/internal/secret"
)

const (
	period     = 30 // seconds in a step
	digits     = 6
	skew       = 1 // steps before and after the present one that are accepted
	secretSize = 20
)

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// stepAt is the number of the time step that t lies in (RFC 6238 §4.2).
func stepAt(t time.Time) int64 { return t.Unix() / period }

// hotp is the code of n digits for a moving factor (RFC 4226 §5.3).
func hotp(key []byte, counter int64, n int) string {
	mac := hmac.New(sha1.New, key)
	var message [8]byte
	binary.BigEndian.PutUint64(message[:], uint64(counter))
	mac.Write(message[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	modulus := uint32(1)
	for range n {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", n, number%modulus)
}

// matching gives the steps around now whose code is code, oldest first.
func matching(key []byte, code string, now time.Time) []int64 {
	var steps []int64
	for step := stepAt(now) - skew; step <= stepAt(now)+skew; step++ {
		if secret.Equal(hotp(key, step, digits), code) {
			steps = append(steps, step)
		}
	}
	return steps
}

// keyURI is what an authenticator app reads from the QR code. Apps want the
// space as %20, in the query too.
func keyURI(issuer, account, key string) string {
	label := url.PathEscape(issuer + ":" + account)
	return fmt.Sprintf("otpauth://totp/%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&period=%d",
		label, key, strings.ReplaceAll(url.QueryEscape(issuer), "+", "%20"), digits, period)
}
