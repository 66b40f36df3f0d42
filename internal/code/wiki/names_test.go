package wiki

import (
	"strings"
	"testing"

	"sallyport.dev/internal/git"
)

// Whatever a page is called, its file stays in the tree, is no file of git's,
// and is found again by its name.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"Home", "a/b", "../x", ".git/config", "a\\b", "\u200c.git", "git~1", "a\x00", "\xff", "x.md", "_pages", " a ", "//", strings.Repeat("a/", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		name := CleanName(typed)
		file, err := fileOf(name)
		if err != nil {
			return
		}
		if !git.ValidPath(file) || strings.ContainsAny(file, "\\\x00\n") || len(file) > 255 {
			t.Fatalf("%q becomes %q", typed, file)
		}
		for segment := range strings.SplitSeq(strings.ToLower(file), "/") {
			if strings.HasPrefix(segment, ".") || strings.HasPrefix(segment, "_") || segment == "git~1" {
				t.Fatalf("%q becomes %q", typed, file)
			}
		}
		if page, ok := pageOf(file); !ok || page != name {
			t.Fatalf("%q becomes %q, which is the page %q", typed, file, page)
		}
	})
}
