package git

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/git/gittest"
)

// trap is a program that leaves a mark when it is run.
func trap(t *testing.T, names ...string) (dir string, sprung func() string) {
	t.Helper()
	dir = t.TempDir()
	mark := filepath.Join(t.TempDir(), "mark")
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho "+name+" \"$@\" >>"+mark+"\ncat\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir, func() string {
		text, err := os.ReadFile(mark)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(text)
	}
}

// untar gives the texts in an archive by their names.
func untar(t *testing.T, packed io.Reader) map[string]string {
	t.Helper()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for files := tar.NewReader(plain); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		found[head.Name] = string(text)
	}
}

// Attributes that were pushed may name drivers which this machine's settings
// define, as those of Git LFS often do: none of them runs for what Sallyport does.
func TestDriversThatAttributesNameDoNotRun(t *testing.T) {
	dir, sprung := trap(t, "driver")
	driver := filepath.Join(dir, "driver")
	settings := "[filter \"evil\"]\n\tclean = " + driver + " clean\n\tsmudge = " + driver + " smudge\n\tprocess = " + driver + " process\n\trequired = true\n" +
		"[diff \"evil\"]\n\ttextconv = " + driver + " textconv\n\tcommand = " + driver + " diff\n[merge \"evil\"]\n\tdriver = " + driver + " merge\n" +
		"[diff]\n\texternal = " + driver + " external\n[tar \"tar.gz\"]\n\tcommand = " + driver + " tar\n[core]\n\tfsmonitor = " + driver + " fsmonitor\n\tpager = " + driver + " pager\n"
	home := t.TempDir()
	for _, path := range []string{filepath.Join(home, ".gitconfig"), filepath.Join(home, "system")} {
		if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("GIT_CONFIG_SYSTEM", filepath.Join(home, "system"))
	t.Setenv("GIT_EXTERNAL_DIFF", driver)
	r := newRepo(t, installed(t))
	const attributes = "* filter=evil diff=evil merge=evil textconv=evil\n"
	first := r.files("one", "", map[string]string{".gitattributes": attributes, "a": "needle\n"})
	second := r.files("two", string(first), map[string]string{".gitattributes": attributes, "a": "needle\nmore\n"})
	r.git("update-ref", "refs/heads/main", string(second))
	// Those that a repository's own file could define run no more than these.
	own, err := os.OpenFile(filepath.Join(r.dir, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = own.WriteString(settings[strings.Index(settings, "[diff"):strings.Index(settings, "[tar")])
	err = errors.Join(err, own.Close(), os.Mkdir(filepath.Join(r.dir, "info"), 0o750), os.WriteFile(filepath.Join(r.dir, "info/attributes"), []byte(attributes), 0o600))
	if err != nil {
		t.Fatal(err)
	}

	diff, err1 := r.DiffTrees(t.Context(), first, second, DiffOptions{})
	blame, _, err2 := r.Blame(t.Context(), second, "a", 1<<20)
	found, _, err3 := r.Grep(t.Context(), second, "needle", 1<<20)
	var zipped, packed bytes.Buffer
	err4 := r.Archive(t.Context(), second, Zip, "x", &zipped)
	err5 := r.Archive(t.Context(), second, TarGz, "x", &packed)
	_, err6 := r.CommitChange(t.Context(), Change{Branch: "refs/heads/main", Parent: second, Message: "three", Edits: []Edit{{Path: "a", Data: []byte("changed\n")}}})
	err7 := r.Maintain(t.Context(), true)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		t.Fatal(err)
	}
	if len(diff.Files) != 1 || diff.Files[0].Added != 1 || len(blame) == 0 || len(found) != 1 || untar(t, &packed)["x/a"] != "needle\nmore\n" {
		t.Errorf("%+v\n%+v\n%+v", diff, blame, found)
	}
	if ran := sprung(); ran != "" {
		t.Errorf("it ran:\n%s", ran)
	}
}

// What stands for a commit's data in an archive becomes what git makes of it, but
// for signatures: git would run a program to look at one, on whatever was pushed.
func TestExportSubstInAnArchive(t *testing.T) {
	dir, sprung := trap(t, "gpg", "gpgsm", "ssh-keygen")
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("SALLYPORT_SECRET", "hidden")
	r := newRepo(t, installed(t))
	const text = "$Format:%H %an %s$ $Format:%(describe)$ $Format:%(trailers)$ $Format:%x41$\n"
	const signed = "$Format:%G?|%GG|%GS|%GK$ $Format:%ENV{SALLYPORT_SECRET}$\n"
	plain := r.files("one", "", map[string]string{".gitattributes": "* export-subst\n", "a": text})
	var ours bytes.Buffer
	if err := r.Archive(t.Context(), plain, TarGz, "x", &ours); err != nil {
		t.Fatal(err)
	}
	theirs := r.git("archive", "--format=tar.gz", "--prefix=x/", string(plain))
	want := untar(t, strings.NewReader(theirs))["x/a"]
	if got := untar(t, &ours)["x/a"]; got != want && got+"\n" != want || !strings.HasPrefix(got, string(plain)) {
		t.Errorf("%q, git's own is %q", got, want)
	}

	tree := r.git("rev-parse", string(r.files("two", "", map[string]string{".gitattributes": "* export-subst\n", "a": signed}))+"^{tree}")
	for _, kind := range []string{"PGP SIGNATURE", "SSH SIGNATURE", "SIGNED MESSAGE"} {
		const who = " Ada <ada@example.com> 1700000000 +0000\n"
		commit := "tree " + tree + "\nauthor" + who + "committer" + who + "gpgsig -----BEGIN " + kind + "-----\n \n AAAA\n -----END " + kind + "-----\n\nSigned\n"
		var out bytes.Buffer
		if err := r.Archive(t.Context(), OID(gittest.Object(t, r.dir, "commit", []byte(commit))), TarGz, "x", &out); err != nil {
			t.Fatal(err)
		}
		if got := untar(t, &out)["x/a"]; strings.Contains(got, "hidden") || strings.Contains(got, "$Format:%G?") {
			t.Errorf("%s: %q", kind, got)
		}
	}
	if ran := sprung(); ran != "" {
		t.Errorf("it ran:\n%s", ran)
	}
}

// Hooks of a repository that is brought in, by its address, as a bundle or from
// beside it, and hooks that lie in the new one, run neither then nor later.
func TestHooksOfAnImportDoNotRun(t *testing.T) {
	hooks := []string{
		"applypatch-msg", "pre-commit", "post-commit", "post-checkout", "post-merge", "pre-receive", "update", "proc-receive", "post-receive", "post-update",
		"reference-transaction", "push-to-checkout", "pre-auto-gc", "post-rewrite", "post-index-change", "pre-push", "upload-pack", "pack-objects",
	}
	dir, sprung := trap(t, hooks...)
	g := installed(t)
	from := newRepo(t, g)
	from.git("update-ref", "refs/heads/main", string(from.files("one", "", map[string]string{"a": "a\n", "hooks/post-receive": "#!/bin/sh\n"})))
	bundle := filepath.Join(t.TempDir(), "x.bundle")
	from.git("bundle", "create", "-q", bundle, "--all")
	armed := func(r repo) {
		if err := errors.Join(os.RemoveAll(filepath.Join(r.dir, "hooks")), os.Symlink(dir, filepath.Join(r.dir, "hooks"))); err != nil {
			t.Fatal(err)
		}
	}
	armed(from)
	config, err := os.ReadFile(filepath.Join(from.dir, "config"))
	if err == nil {
		err = os.WriteFile(filepath.Join(from.dir, "config"), append(config, "[uploadpack]\n\tpackObjectsHook = "+filepath.Join(dir, "pack-objects")+"\n[core]\n\thooksPath = "+dir+"\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []Source{{Address: "file://" + from.dir}, {Bundle: bundle}, {Origin: from.Repository}} {
		into := newRepo(t, g)
		armed(into)
		if err := into.Import(t.Context(), source, ImportLimits{}); err != nil {
			t.Fatal(err)
		}
		refs, err := into.Refs(t.Context())
		if err != nil || refs.Head.OID == "" {
			t.Fatalf("%+v %v", refs, err)
		}
		_, err1 := into.CommitChange(t.Context(), Change{Branch: "refs/heads/main", Parent: refs.Head.OID, Message: "two", Edits: []Edit{{Path: "a", Data: []byte("b\n")}}})
		c, pack := packOf(t, g, "three")
		out, _, err2 := into.push(bytes.NewReader(pushBody(usual, pack, string(ZeroOID)+" "+c+" refs/heads/other")), 1<<20)
		err3 := into.Maintain(t.Context(), true)
		if err := errors.Join(err1, err2, err3); err != nil || !strings.Contains(out, "ok refs/heads/other") {
			t.Errorf("%v %q", err, out)
		}
	}
	if ran := sprung(); ran != "" {
		t.Errorf("it ran:\n%s", ran)
	}
}
