package web

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/git/gittest"
)

// hostile fills a repository with what no git would make, past every check: as
// an old one, or one that was damaged, may hold it. Each branch is one kind.
func hostile(t testing.TB, dir string) map[string]string {
	t.Helper()
	blob := gittest.Object(t, dir, "blob", []byte("needle\n"))
	file := func(name string) gittest.Entry { return gittest.Entry{Mode: "100644", Name: name, Object: blob} }
	folder := func(name, tree string) gittest.Entry { return gittest.Entry{Mode: "40000", Name: name, Object: tree} }
	tree := func(entries ...gittest.Entry) string { return gittest.Tree(t, dir, entries...) }
	one := tree(file("inside"))
	many := make([]gittest.Entry, 20_000)
	for i := range many {
		many[i] = file(fmt.Sprintf("file%06d", i))
	}
	bomb := one
	for range 12 { // ten to the twelfth files
		var entries []gittest.Entry
		for i := range 10 {
			entries = append(entries, folder(fmt.Sprint("d", i), bomb))
		}
		bomb = tree(entries...)
	}
	deep := one
	for range 2000 {
		deep = tree(folder("d", deep))
	}
	huge := gittest.Object(t, dir, "blob", make([]byte, 64<<20))
	text := gittest.Object(t, dir, "blob", bytes.Repeat([]byte("line\n"), 4<<20))
	missing := strings.Repeat("1", 40)
	trees := map[string]string{
		"dotdot":     tree(folder("..", one), file("ok")),
		"dot":        tree(file("."), file("ok")),
		"git":        tree(folder(".git", tree(file("config"))), file("ok")),
		"slash":      tree(file("../../../etc/passwd"), file("/abs"), file("ok")),
		"backslash":  tree(file(`..\..\evil`), file("ok")),
		"empty":      tree(file(""), file("ok")),
		"newline":    tree(file("a\nb"), file("tab\tquote\"<script>"), file("ok")),
		"latin":      tree(file("caf\xe9\xff"), file("ok")),
		"twice":      tree(gittest.Entry{Mode: "120000", Name: "x", Object: blob}, folder("x", one), file("ok")),
		"unsorted":   tree(file("ok"), file("b"), file("a")),
		"links":      tree(gittest.Entry{Mode: "120000", Name: "link", Object: gittest.Object(t, dir, "blob", []byte("/etc/passwd"))}, gittest.Entry{Mode: "120000", Name: "README.md", Object: blob}, file("ok")),
		"modules":    tree(gittest.Entry{Mode: "100644", Name: ".gitmodules", Object: gittest.Object(t, dir, "blob", []byte("[submodule \"x\"]\n\tpath = mod\n\turl = -u./payload\n\tupdate = !touch pwned\n"))}, gittest.Entry{Mode: "160000", Name: "mod", Object: missing}, file("ok")),
		"modes":      tree(gittest.Entry{Mode: "777777", Name: "odd", Object: blob}, gittest.Entry{Mode: "0", Name: "zero", Object: blob}, file("ok")),
		"badmode":    tree(gittest.Entry{Mode: "9x", Name: "odd", Object: blob}, file("ok")),
		"cut":        gittest.Object(t, dir, "tree", []byte("100644 ok\x00abc")),
		"notree":     blob,
		"absent":     missing,
		"gone":       tree(gittest.Entry{Mode: "100644", Name: "gone", Object: missing}, file("ok")),
		"attributes": tree(gittest.Entry{Mode: "100644", Name: ".gitattributes", Object: gittest.Object(t, dir, "blob", []byte("* filter=evil diff=evil merge=evil textconv=evil export-subst\n"))}, file("ok")),
		"many":       tree(many...),
		"bomb":       bomb,
		"deep":       deep,
		"huge":       tree(gittest.Entry{Mode: "100644", Name: "huge", Object: huge}, file("ok"), gittest.Entry{Mode: "100644", Name: "text.txt", Object: text}),
		"markup":     tree(gittest.Entry{Mode: "100644", Name: "README.md", Object: gittest.Object(t, dir, "blob", []byte("<script>alert(1)</script>\n[x](javascript:alert(1))\n"+strings.Repeat("[", 50_000)))}, file("ok")),
	}
	base := gittest.Commit(t, dir, tree(file("ok"), file("old")), "Base")
	gittest.Ref(t, dir, "refs/heads/main", base)
	for name, at := range trees {
		gittest.Ref(t, dir, "refs/heads/"+name, gittest.Commit(t, dir, at, "Hostile "+name, base))
	}
	odd := "tree " + one + "\nparent " + base + "\nauthor \xff <\x1b[31m> 99999999999999999999 +9999\ncommitter <script>\n\n\x00\xff\x1b[2J<script>alert(1)</script>\n"
	gittest.Ref(t, dir, "refs/heads/oddcommit", gittest.Object(t, dir, "commit", []byte(odd)))
	// A driver and hooks that would run, if anything took them from the repository.
	evil := "#!/bin/sh\ntouch " + filepath.Join(dir, "pwned") + "\n"
	for _, hook := range []string{"pre-receive", "update", "post-update", "reference-transaction", "post-index-change"} {
		path := filepath.Join(dir, "hooks", hook)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(evil), 0o750)); err != nil {
			t.Fatal(err)
		}
	}
	return trees
}

// Every page of a repository that holds anything at all answers: with the page,
// or with a message that says why not. Nothing of it runs, and nothing of it
// leads out of the folder that an archive is unpacked to.
func TestHostileRepository(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	b.founds()
	dir := w.repositoryDir()
	kinds := hostile(t, dir)
	const base = "/acme/vault"
	b.is(b.get(base), 200, "Base")
	b.is(b.get(base+"/branches"), 200, "Hostile bomb")
	for kind := range kinds {
		tip := gittest.Run(t, dir, nil, "rev-parse", "refs/heads/"+kind)
		pages := []string{
			"/src/%s", "/src/%s/ok", "/src/%s/../x", "/src/%s/no", "/raw/%s/ok", "/blame/%s/ok", "/commits/%s", "/commits/%s/ok", "/commits/%s?author=ada",
			"/diff/main..%s", "/diff/%s..main", "/get/%s.zip", "/get/%s.tar.gz", "/search/%s?q=needle", "/find/%s?q=o", "/edit/%s/ok", "/create/%s",
		}
		for i := range pages {
			pages[i] = fmt.Sprintf(pages[i], kind)
		}
		if kind == "bomb" || kind == "many" || kind == "huge" { // one kind of archive is enough
			pages = slices.DeleteFunc(pages, func(path string) bool { return strings.HasSuffix(path, ".tar.gz") })
		}
		for _, path := range append(pages, "/commits/"+tip, "/commits/"+tip+"?view=split&w=1") {
			p := b.get(base + path)
			if p.Code >= 500 || p.Code != 200 && !strings.Contains(p.text, "<main") {
				t.Errorf("%s: %d: %.300s", path, p.Code, p.text)
			}
			if strings.Contains(p.Body.String(), "<script>alert") && !strings.HasPrefix(path, "/raw/") {
				t.Errorf("%s passes on markup", path)
			}
			if p.Code == 200 && strings.HasPrefix(path, "/get/") {
				unpackable(t, path, p.Body.Bytes())
			}
		}
		b.leads(b.post(base+"/branches/default", "name", kind), base+"/branches")
		if p := b.get(base); p.Code >= 500 {
			t.Errorf("the overview of %s: %d: %.300s", kind, p.Code, p.text)
		}
	}
	for path, words := range map[string]string{
		"/get/dotdot.zip":         "could be unpacked to another place",
		"/get/git.tar.gz":         "could be unpacked to another place",
		"/src/cut":                "a part of the repository is malformed",
		"/src/empty":              "its name can't stand in an address",
		"/commits/main..":         "There is no such branch",
		"/src/many":               "More files",
		"/src/huge/huge":          "too large to be shown",
		"/get/bomb.zip":           "Clone the repository", // too many files, or on a busy machine too much time to count them
		"/src/links/link":         "A symbolic link to",
		"/src/modules/mod":        "This is a submodule",
		"/src/many?after=file009": "file009000",
	} {
		if p := b.get(base + path); !strings.Contains(p.text, words) {
			t.Errorf("%s: %d, without %q: %.600s", path, p.Code, words, p.text)
		}
	}
	b.post(base+"/edit/attributes/ok", "path", "ok", "text", "changed\n")
	b.post(base+"/edit/empty/ok", "path", "ok", "text", "changed\n")
	if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
		t.Error("something of the repository was run")
	}
}

// unpackable fails where an archive isn't whole, or leads out of its folder.
func unpackable(t *testing.T, path string, archive []byte) {
	t.Helper()
	var names []string
	if strings.HasSuffix(path, ".zip") {
		r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		for _, f := range r.File {
			names = append(names, f.Name)
		}
	} else {
		unzipped, err := gzip.NewReader(bytes.NewReader(archive))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		for r := tar.NewReader(unzipped); ; {
			h, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", path, err)
				return
			}
			if h.Typeflag != tar.TypeXGlobalHeader {
				names = append(names, h.Name)
			}
		}
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "vault-") || strings.Contains("/"+strings.ReplaceAll(name, `\`, "/"), "/../") || strings.Contains(name, "/.git/") {
			t.Errorf("%s holds %q", path, name)
		}
	}
}
