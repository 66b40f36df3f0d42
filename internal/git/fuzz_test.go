package git

import (
	"bytes"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// A name that is taken for a reference or for a path inside a tree leads to no
// place outside of where it belongs, and is one line.
func FuzzRefsAndPaths(f *testing.F) {
	for _, name := range []string{"refs/heads/main", "refs/heads/../../x", "refs/heads/a.lock", "a/b", "../a", "a\\..\\b", "a//b", ".git/x", "-x", "a\nb", "\xff", "refs/heads/.x", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if ValidRefName(name) && (!filepath.IsLocal(name) || path.Clean(name) != name || !strings.HasPrefix(name, "refs/") || strings.ContainsAny(name, "\x00\n\r\t \x7f\\") || strings.HasSuffix(name, ".lock")) {
			t.Errorf("%q is taken for a reference", name)
		}
		if ValidBranchName(name) && (!ValidRefName("refs/heads/"+name) || strings.HasPrefix(name, "-")) {
			t.Errorf("%q is taken for a branch", name)
		}
		if ValidPath(name) && name != "" && (!filepath.IsLocal(name) || path.Clean(name) != name || strings.Contains(name, "\x00")) {
			t.Errorf("%q is taken for a path", name)
		}
		if safeName(name) && (!filepath.IsLocal(name) || !filepath.IsLocal(strings.ReplaceAll(name, `\`, "/"))) {
			t.Errorf("%q is packed", name)
		}
		if line := printable(name); strings.ContainsAny(line, "\n\r\x1b\x00") {
			t.Errorf("%q is written as %q", name, line)
		}
		if oid, ok := ParseOID(name); ok && strings.ToLower(name) != string(oid) {
			t.Errorf("%q is read as %s", name, oid)
		}
		if ref, ok := parseLooseRef("refs/heads/x", name); ok && ref.Target == "" && ref.OID == "" {
			t.Errorf("%q is a reference to nothing", name)
		}
	})
}

// Whatever git says of a comparison is read without a panic, and its texts can
// stand on a page.
func FuzzDiff(f *testing.F) {
	f.Add([]byte(" 1 file changed, 1 insertion(+)\n\ndiff --git a/a b/a\nindex 1..2 100644\n--- a/a\n+++ b/a\n@@ -1 +1,2 @@ f\n a\n+b\n\\ No newline at end of file\n"), false)
	f.Add([]byte("diff --git \"a/a\\nb\" \"b/\\377\"\nsimilarity index 90%\nrename from \"a\\nb\"\nrename to \"\\377\"\n"), true)
	f.Add([]byte("diff --git a/x b/x\nnew file mode 100644\nindex 0..1\nBinary files /dev/null and b/x differ\n"), false)
	f.Add([]byte("diff --git a/x b/x\ndeleted file mode 120000\n--- a/x\n+++ /dev/null\n@@ -99999999999999999999,1 +0,0 @@\n-x\n"), false)
	f.Fuzz(func(t *testing.T, printed []byte, cut bool) {
		read, err := parseDiff(bytes.Clone(printed), cut)
		if err != nil {
			return
		}
		for _, file := range read.Files {
			for _, hunk := range file.Hunks {
				for _, line := range hunk.Lines {
					if !utf8.ValidString(line.Text) || strings.Contains(line.Text, "\n") {
						t.Errorf("a line is %q", line.Text)
					}
				}
			}
		}
	})
}
