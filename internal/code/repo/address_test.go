package repo_test

import (
	"strings"
	"testing"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// An address inside a repository is a reference and a path, or nothing that is
// there: the two together are the address, whatever stands in it, and no page
// fails on one.
func FuzzAddresses(f *testing.F) {
	w := newWorld(f, dbtest.SQLite(f))
	w.create("site")
	k := w.work("site")
	tip := k.commit("one", "a.txt", "hello\n", "z/b", "b\n")
	k.push(create(tip, "refs/heads/main"), create(tip, "refs/heads/feature/x"), create(tip, "refs/tags/feature"), create(tip, "refs/tags/v1"))
	content, err := w.Open(f.Context(), w.grant(access.ReadRepository, "site"))
	if err != nil {
		f.Fatal(err)
	}
	for _, address := range []string{"", "main/a.txt", "feature/x/z/b", "feature/y", "v1//a", "main/../x", tip + "/z", "HEAD", "refs/heads/main", "main\x00", "-x/--y", "\xff", "main/a\nb", "@{1}"} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		place, err := content.Locate(t.Context(), address)
		if err != nil {
			if !errs.Is(err, errs.KindNotFound) {
				t.Errorf("%q: %v", address, err)
			}
			return
		}
		trimmed := strings.Trim(address, "/")
		if trimmed == "" {
			trimmed = "main"
		}
		if whole := strings.TrimSuffix(place.Ref+"/"+place.Path, "/"); whole != trimmed || !git.ValidPath(place.Path) || string(place.Commit) != tip {
			t.Errorf("%q became %+v", address, place)
		}
		if _, known := map[string]bool{"main": true, "feature/x": true, "feature": true, "v1": true, tip: true}[strings.ToLower(place.Ref)]; !known {
			t.Errorf("%q became %+v", address, place)
		}
		if _, err := content.At(t.Context(), place); err != nil && !errs.Is(err, errs.KindNotFound) {
			t.Errorf("%q: %v", address, err)
		}
		if _, err := content.Commits(t.Context(), place.Commit, git.LogOptions{Path: place.Path, Limit: 1}); err != nil && !errs.Is(err, errs.KindNotFound) {
			t.Errorf("the history of %q: %v", address, err)
		}
	})
}

// Names of repositories that are taken can stand in an address and in a path.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"site", "../x", "a/b", ".git", "x.git", "ünï", "CON", "a..b", "-x", "x.lock", " ", "\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		slug, err := repo.Slug(name)
		if err == nil && (slug == "" || strings.Trim(slug, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || strings.Contains(slug, "..") || strings.HasSuffix(slug, ".git") || slug[0] == '.') {
			t.Errorf("%q becomes %q", name, slug)
		}
	})
}
