// Package internal_test holds the rules of who may import whom.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "sallyport.dev/"

// floors lists every package, the lowest floor first. A package may import
// those of lower floors only: so packages on one floor don't know each other.
var floors = [][]string{
	{"internal/errs", "internal/clock", "internal/lru"},
	{"internal/secret", "internal/request", "internal/git", "internal/markup"},
	{"internal/db", "internal/ui"},
	{"internal/mail"},
	{"internal/throttle", "internal/audit", "internal/job"},
	{"internal/factor"},
	{"internal/code/access", "internal/account/person", "internal/account/policy"},
	{"internal/code/transport", "internal/code/activity"},
	{"internal/code/user", "internal/code/token", "internal/code/workspace", "internal/code/repo", "internal/code/wiki", "internal/code/issue", "internal/code/snippet", "internal/account/signin"},
	{"internal/code/door", "internal/code/login", "internal/account/provider", "internal/account/admin"},
	{"internal/code/web", "internal/code/api", "internal/code/githttp", "internal/code/gitssh", "internal/account/web"},
	{"internal/config"},
	{"cmd/sallyport"},
}

// onlyForTests may import anything below the top, and only tests import them.
var onlyForTests = map[string]bool{"internal/db/dbtest": true, "internal/ui/uitest": true, "internal/mail/mailtest": true, "internal/code/codetest": true, "internal/git/gittest": true}

func floorOf(pkg string) int {
	for i, floor := range floors {
		for _, member := range floor {
			if member == pkg {
				return i
			}
		}
	}
	return -1
}

func wing(pkg string) string {
	for _, w := range []string{"internal/account/", "internal/code/"} {
		if strings.HasPrefix(pkg, w) {
			return w
		}
	}
	return ""
}

// It parses the files rather than asking `go list`: the test cache knows
// nothing of files that a test only names, but it does of those it opens.
func TestFloors(t *testing.T) {
	seen := map[string]bool{}
	root := ".."
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "bin" || entry.Name() == "data") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		pkg := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), root+string(filepath.Separator)))
		test := strings.HasSuffix(path, "_test.go")
		if !test {
			seen[pkg] = true
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if rest, ours := strings.CutPrefix(imported, module); ours {
				checkImport(t, path, pkg, rest, test)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range seen {
		if strings.HasPrefix(pkg, "internal/") && floorOf(pkg) < 0 && !onlyForTests[pkg] {
			t.Errorf("%s stands on no floor: give it one in this test", pkg)
		}
	}
	for _, floor := range floors {
		for _, pkg := range floor {
			if !seen[pkg] {
				t.Errorf("%s has a floor but no files", pkg)
			}
		}
	}
}

func checkImport(t *testing.T, path, pkg, imported string, test bool) {
	t.Helper()
	if from, to := wing(pkg), wing(imported); from != "" && to != "" && from != to {
		t.Errorf("%s imports %s: the wings never import each other", path, imported)
	}
	if imported == "internal/config" && pkg != "cmd/sallyport" && pkg != "internal/config" {
		t.Errorf("%s imports %s: only the command does", path, imported)
	}
	if test || onlyForTests[pkg] {
		return // a test may build its scene from any floor of its wing
	}
	if onlyForTests[imported] {
		t.Errorf("%s imports %s: only tests do", path, imported)
	}
	if from, to := floorOf(pkg), floorOf(imported); from >= 0 && to >= from {
		t.Errorf("%s imports %s: imports only go down a floor", path, imported)
	}
}
