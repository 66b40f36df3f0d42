package web

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"sallyport.dev/internal/secret"
)

func newBox(t *testing.T) *secret.Box {
	t.Helper()
	box, err := secret.NewBox(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// Attack 34: open redirect through the return path.
func TestAttack34ReturnPathsStayOnThisSite(t *testing.T) {
	r := returns{newBox(t)}
	for _, path := range []string{
		"/", "/acme", "/acme/app/src/main/a%20b.go?x=1&y=//2#L3", "/a/b?return=/c", "/ümlaut/ü",
	} {
		if got := r.read(r.sign(path)); got != path {
			t.Errorf("%q came back as %q", path, got)
		}
	}
	for _, path := range []string{
		"", "acme", "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", `\/evil.example`,
		"/\tevil", "/\n/evil.example", "/a\r\nLocation: https://evil.example", "/a\x00", "/a\x7f", "javascript:alert(1)",
		" /acme", "http:/acme", "/%zz", "/" + strings.Repeat("a", maxReturn), "/\xff",
	} {
		if signed := r.sign(path); signed != "" {
			t.Errorf("%q was signed: %q", path, signed)
		}
		// Even under a true signature it isn't followed.
		forced := r.box.Sign(returnPurpose, []byte(path)) + path
		if got := r.read(forced); got != "/" {
			t.Errorf("%q, signed by force, leads to %q", path, got)
		}
	}
	signed := r.sign("/acme")
	for _, value := range []string{
		"/acme", "x/acme", signed + "x", signed[1:], strings.Replace(signed, "/acme", "//evil.example", 1),
		r.box.Sign("another purpose", []byte("/acme")) + "/acme",
	} {
		if got := r.read(value); got != "/" {
			t.Errorf("forged %q leads to %q", value, got)
		}
	}
}

func TestReturnPathIsCarriedInAQuery(t *testing.T) {
	r := returns{newBox(t)}
	for _, target := range []string{"/login", "/login?recovery=1"} {
		parsed, err := url.Parse(r.carry(target, "/acme/app?a=1&b=2"))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.read(parsed.Query().Get("return")); got != "/acme/app?a=1&b=2" {
			t.Errorf("%s: %q", target, got)
		}
	}
	if got := r.carry("/login", "//evil.example"); got != "/login" {
		t.Errorf("%q", got)
	}
}
