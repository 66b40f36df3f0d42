package git

import (
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// checkRefFormat asks git itself.
func checkRefFormat(name string) bool {
	return exec.Command("git", "check-ref-format", name).Run() == nil
}

// Standard 24: names, as git check-ref-format has them.
func TestRefNamesAreThoseOfCheckRefFormat(t *testing.T) {
	for _, name := range []string{
		"refs/heads/main", "refs/heads/a/b", "refs/heads/ü", "refs/heads/\xff", "refs/x", "refs/heads/@", "refs/heads/-x",
		"refs/heads/", "refs//x", "refs/heads/.x", "refs/heads/x.lock", "refs/heads/x.lock/y", "refs/heads/x..y", "refs/heads/x.",
		"refs/heads/x./y", "refs/heads/x y", "refs/heads/x~1", "refs/heads/x^", "refs/heads/x:y", "refs/heads/x?", "refs/heads/x*",
		"refs/heads/[x", "refs/heads/x\\y", "refs/heads/x@{0}", "refs/heads/x\n", "refs/heads/x\x7f", "refs/heads/{x}", "refs",
	} {
		if got, want := ValidRefName(name), checkRefFormat(name); got != want {
			t.Errorf("%q: got %v, git says %v", name, got, want)
		}
	}
	for _, name := range []string{"HEAD", "heads/main", "/refs/heads/main", "refs/heads/" + strings.Repeat("x", 1024), ""} {
		if ValidRefName(name) {
			t.Errorf("%q is taken for a reference", name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := "refs/" + rapid.StringMatching(`[a.@{/*~ \\l-]{1,6}(\.lock)?`).Draw(t, "name")
		if got, want := ValidRefName(name), checkRefFormat(name); got != want {
			t.Fatalf("%q: got %v, git says %v", name, got, want)
		}
	})
}

func TestBranchNames(t *testing.T) {
	for name, want := range map[string]bool{"main": true, "a/b": true, "HEAD": false, "-x": false, "": false, "a..b": false, "heads": true} {
		if ValidBranchName(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"": true, "a": true, "a/b.txt": true, ".gitignore": true, "a b/\xff": true, "...": true, "-x": true,
		"/": false, "/a": false, "a/": false, "a//b": false, "..": false, "a/../b": false, "./a": false, "a\x00b": false,
		strings.Repeat("x", 4097): false,
	} {
		if ValidPath(path) != want {
			t.Errorf("%.20q: want %v", path, want)
		}
	}
}

func TestOIDs(t *testing.T) {
	if oid, ok := ParseOID("4B825DC642CB6EB9A060E54BF8D69288FBEE4904"); !ok || oid.Short() != "4b825dc6" {
		t.Errorf("%q %v", oid, ok)
	}
	for _, bad := range []string{"", "4b825dc6", strings.Repeat("g", 40), strings.Repeat("0", 41), "refs/heads/main"} {
		if _, ok := ParseOID(bad); ok {
			t.Errorf("%q is taken for an object name", bad)
		}
	}
	if OID("").Short() != "" {
		t.Error("nothing has a short form")
	}
}
