package web

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/git/gittest"
)

var (
	lineCell = regexp.MustCompile(`<td class="l">(.*?)</td>`)
	tags     = regexp.MustCompile(`<[^>]*>`)
)

// linesOf gives the lines of code on a page, as they are read.
func linesOf(p page) []string {
	var lines []string
	for _, found := range lineCell.FindAllStringSubmatch(p.Body.String(), -1) {
		lines = append(lines, html.UnescapeString(tags.ReplaceAllString(found[1], "")))
	}
	return lines
}

// textOf gives the lines of a text, as a page shows them.
func textOf(text string) []string {
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
}

// goSources pushes a part of Go's own source, texts and binary files, as three
// commits of its files.
func (w *world) goSources() {
	w.Helper()
	root, err := exec.CommandContext(w.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		w.Fatal(err)
	}
	work := w.TempDir()
	run := func(args ...string) { gittest.Run(w, work, nil, args...) }
	run("init", "-q", "-b", "main")
	for _, dir := range []string{"text", "image", "compress"} {
		err := os.CopyFS(filepath.Join(work, dir), os.DirFS(filepath.Join(strings.TrimSpace(string(root)), "src", dir)))
		if err != nil {
			w.Fatal(err)
		}
		run("add", "-A")
		run("commit", "-qm", "Add "+dir)
	}
	run("push", "-q", w.repositoryDir(), "main")
}

// Files that people wrote come out on every page as git itself has them: Go's
// own sources, with their pictures, packed files and odd texts.
func TestRealFiles(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t), testSite)
	b := w.signedIn("ada")
	b.founds()
	w.goSources()
	git := func(args ...string) string { return gittest.Run(t, w.repositoryDir(), nil, args...) }
	paths := strings.Split(git("ls-tree", "-r", "--name-only", "main"), "\n")
	if len(paths) < 200 {
		t.Fatalf("%d files", len(paths))
	}
	shown := 0
	for i, path := range paths {
		raw := b.is(b.get("/acme/vault/raw/main/"+path), 200).Body.String()
		if raw != git("cat-file", "blob", "main:"+path)+cutNewline(raw) {
			t.Errorf("%s isn't sent as it is", path)
		}
		p := b.is(b.get("/acme/vault/src/main/"+path+"?view=source"), 200)
		if lines := linesOf(p); len(lines) > 0 {
			shown++
			if want := textOf(raw); !slices.Equal(lines, want) {
				t.Errorf("%s is shown otherwise than it is: %d lines, want %d", path, len(lines), len(want))
			}
			if i%10 == 0 {
				b.blamesAsGit(path, raw)
			}
		}
	}
	if shown < 150 {
		t.Errorf("%d of %d files were shown", shown, len(paths))
	}
	b.treesAsGit(git)
	b.searchesAsGit(git)
	b.archivesAsGit(t, paths, git)
}

// cutNewline is what gittest.Run cuts from the end of a text.
func cutNewline(text string) string {
	if strings.HasSuffix(text, "\n") {
		return "\n"
	}
	return ""
}

func (b *browser) blamesAsGit(path, text string) {
	b.Helper()
	p := b.is(b.get("/acme/vault/blame/main/"+path), 200)
	if !slices.Equal(linesOf(p), textOf(text)) {
		b.Errorf("the blame of %s has other lines", path)
	}
	top, _, _ := strings.Cut(path, "/")
	if tip := gittest.Run(b, b.repositoryDir(), nil, "log", "--format=%H", "-1", "main", "--", top); !strings.Contains(p.text, "/commits/"+tip) {
		b.Errorf("the blame of %s doesn't name %s", path, tip)
	}
}

func (b *browser) treesAsGit(git func(...string) string) {
	b.Helper()
	for dir := range strings.SplitSeq(git("ls-tree", "-r", "-d", "--name-only", "main"), "\n") {
		p := b.is(b.get("/acme/vault/src/main/"+dir), 200)
		for name := range strings.SplitSeq(git("ls-tree", "--name-only", "main:"+dir), "\n") {
			if !strings.Contains(p.text, `href="/acme/vault/src/main/`+dir+"/"+name+`"`) {
				b.Errorf("%s lacks %s", dir, name)
			}
		}
	}
}

func (b *browser) searchesAsGit(git func(...string) string) {
	b.Helper()
	for _, text := range []string{"errUnsupported", "huffman tree", "{{define", "Copyright 2019"} {
		p := b.is(b.get("/acme/vault/search/main?q="+strings.ReplaceAll(text, " ", "+")), 200)
		for line := range strings.SplitSeq(git("grep", "-n", "-i", "-I", "-F", "--max-count=20", "-e", text, "main"), "\n") {
			place := strings.SplitN(strings.TrimPrefix(line, "main:"), ":", 3)
			if !strings.Contains(p.text, fmt.Sprintf(`/acme/vault/src/main/%s#L%s"`, place[0], place[1])) && !strings.Contains(p.text, "There is more") {
				b.Errorf("searching %q lacks %s:%s", text, place[0], place[1])
			}
		}
	}
}

func (b *browser) archivesAsGit(t *testing.T, paths []string, git func(...string) string) {
	t.Helper()
	for _, format := range []string{"zip", "tar.gz"} {
		p := b.is(b.get("/acme/vault/get/main."+format), 200)
		unpackable(t, "main."+format, p.Body.Bytes())
		packed := filepath.Join(b.TempDir(), "main."+format)
		if err := os.WriteFile(packed, p.Body.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
		into := b.TempDir()
		program := map[string][]string{"zip": {"unzip", "-q", packed, "-d", into}, "tar.gz": {"tar", "-xzf", packed, "-C", into}}[format]
		if out, err := exec.CommandContext(b.Context(), program[0], program[1:]...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		for _, path := range paths {
			got, err := os.ReadFile(filepath.Join(into, "vault-main", path))
			if err != nil || !bytes.Equal(got, []byte(git("cat-file", "blob", "main:"+path)+cutNewline(string(got)))) {
				b.Errorf("%s: %s isn't as it is: %v", format, path, err)
			}
		}
	}
}
