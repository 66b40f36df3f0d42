package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// standards are the requirements that the system meets, by their numbers. All
// of them apply. Each is named by a test, in its name (TestStandard12…) or in
// its comment ("Standard 12."): so that whoever takes one away sees what for.
func standards() map[int]string {
	return map[int]string{
		1:  "length and form of passwords: NIST SP 800-63B-4 §3.1.1.2",
		2:  "passwords that are refused: NIST SP 800-63B-4 §3.1.1.2",
		3:  "fields of passwords: OWASP ASVS 5.0 6.2",
		4:  "how passwords are hashed: OWASP ASVS 5.0 11.4",
		5:  "secrets of authenticator apps: NIST SP 800-63B-4 §3.1.4",
		6:  "one-time codes: RFC 6238, RFC 4226",
		7:  "several factors: NIST SP 800-63B-4 §4.1",
		8:  "recovery codes: NIST SP 800-63B-4 §3.1.2",
		9:  "security keys and passkeys: WebAuthn Level 3",
		10: "throttling: NIST SP 800-63B-4 §3.2.2, OWASP ASVS 5.0 6.3.1",
		11: "unknown people, and notices: OWASP ASVS 5.0 6.3.5, 6.3.8",
		12: "recovery: NIST SP 800-63B-4 §4.2, OWASP ASVS 5.0 6.4",
		13: "tokens and cookies of sessions: OWASP ASVS 5.0 7.2",
		14: "listing and ending sessions: OWASP ASVS 5.0 7.4, 7.5",
		15: "length of sessions: NIST SP 800-63B-4 §5",
		16: "codes, PKCE, redirects, refresh: RFC 9700",
		17: "prompt, max_age, acr: OpenID Connect Core, RFC 9470",
		18: "discovery, sign-out, devices: RFC 8414, RFC 8628, Back-Channel Logout",
		19: "signing keys: RFC 7517, RFC 8725",
		20: "headers of pages: OWASP ASVS 5.0 V3",
		21: "logs: OWASP ASVS 5.0 V16",
		22: "accessibility: WCAG 2.2 AA",
		23: "the API: RFC 6750, RFC 9110",
		24: "git: protocol v0, v1, v2, git check-ref-format",
	}
}

func TestEveryStandardIsNamedByATest(t *testing.T) {
	inName, inComment := regexp.MustCompile(`^TestStandard(\d+)\D`), regexp.MustCompile(`\bStandard (\d+)\b`)
	named := map[int]bool{}
	note := func(match []string) {
		if match != nil {
			n, _ := strconv.Atoi(match[1])
			named[n] = true
		}
	}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".git")):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, each := range file.Decls {
			f, ok := each.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			note(inName.FindStringSubmatch(f.Name.Name))
			note(inComment.FindStringSubmatch(f.Doc.Text()))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n, what := range standards() {
		if !named[n] {
			t.Errorf("no test names standard %d: %s", n, what)
		}
	}
	for n := range named {
		if standards()[n] == "" {
			t.Errorf("a test names standard %d, which there isn't", n)
		}
	}
}
