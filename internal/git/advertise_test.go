package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// theirs is what the installed git answers, under our configuration.
func theirs(t testing.TB, r repo, service Service, protocol Protocol) []byte {
	t.Helper()
	out, err := r.Repository.git.advertisement(t.Context(), r.dir, service, protocol)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// theirLsRefs is git's answer to a request of protocol 2.
func theirLsRefs(t testing.TB, r repo, request []byte) []byte {
	t.Helper()
	cmd, _ := r.Repository.git.command(t.Context(), process{dir: r.dir, args: []string{"upload-pack", "--stateless-rpc", "."}, protocol: ProtocolV2})
	cmd.Stdin = bytes.NewReader(request)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func lsRefsRequest(arguments ...string) []byte {
	request := AppendPacket(nil, "command=ls-refs\n")
	request = AppendPacket(request, "agent=git/test")
	request = AppendPacket(request, "object-format=sha1")
	request = append(request, "0001"...)
	for _, argument := range arguments {
		request = AppendPacket(request, argument+"\n")
	}
	return AppendFlush(request)
}

// compare checks every way of asking for references against git itself.
func compare(t *testing.T, r repo) {
	t.Helper()
	for _, service := range []Service{UploadPack, ReceivePack} {
		for _, protocol := range []Protocol{ProtocolV0, ProtocolV1, ProtocolV2} {
			ours, err := r.Advertise(t.Context(), service, protocol)
			if err != nil {
				t.Fatal(err)
			}
			if want := theirs(t, r, service, protocol); !bytes.Equal(ours, want) {
				t.Errorf("%s %v:\nours   %q\ntheirs %q", service, protocol, ours, want)
			}
		}
	}
	for _, arguments := range [][]string{
		nil,
		{"peel"},
		{"symrefs"},
		{"unborn"},
		{"peel", "symrefs", "unborn"},
		{"symrefs", "ref-prefix HEAD"},
		{"symrefs", "unborn", "ref-prefix HEAD", "ref-prefix refs/heads/", "ref-prefix refs/tags/"},
		{"peel", "ref-prefix refs/tags/v", "ref-prefix refs/tags/", "ref-prefix refs/heads/m"},
		{"ref-prefix refs/heads/main", "ref-prefix refs/heads/main", "ref-prefix nothing"},
		{"peel", "symrefs", "ref-prefix "},
		{"symrefs", "ref-prefix H"},
		{"ref-prefix refs"},
	} {
		request := lsRefsRequest(arguments...)
		ours, ok, err := r.LsRefs(t.Context(), request)
		if !ok || err != nil {
			t.Fatalf("%q: %v %v", arguments, ok, err)
		}
		if want := theirLsRefs(t, r, request); !bytes.Equal(ours, want) {
			t.Errorf("ls-refs %q:\nours   %q\ntheirs %q", arguments, ours, want)
		}
	}
}

// Standard 24: protocol v0, v1 and v2 as git speaks them.
func TestAdvertisementsAreThoseOfGit(t *testing.T) {
	g := installed(t)
	shapes := []struct {
		name string
		make func(repo)
	}{
		{"empty", func(repo) {}},
		{"plain", func(r repo) {
			c := r.commit("one")
			r.git("update-ref", "refs/heads/main", c)
			r.git("update-ref", "refs/heads/a/b", r.commit("two", c))
			r.git("update-ref", "refs/heads/a-b", c)
			r.git("update-ref", "refs/pull/1/head", c)
		}},
		{"annotated tags", func(r repo) {
			c := r.commit("one")
			r.git("update-ref", "refs/heads/main", c)
			r.git("tag", "plain", c)
			r.git("tag", "-a", "v1", "-m", "one", c)
			r.git("tag", "-a", "v1-again", "-m", "tag of a tag", "v1")
			r.git("tag", "-a", "tree", "-m", "of a tree", c+"^{tree}")
			r.git("update-ref", "refs/other/annotated", r.git("rev-parse", "v1"))
			r.git("update-ref", "refs/other/blob", r.input("x", "hash-object", "-w", "--stdin"))
		}},
		{"detached HEAD", func(r repo) {
			c := r.commit("one")
			r.git("update-ref", "refs/heads/main", c)
			r.git("update-ref", "--no-deref", "HEAD", c)
		}},
		{"unborn HEAD beside branches", func(r repo) {
			r.git("update-ref", "refs/heads/other", r.commit("one"))
			r.git("tag", "-a", "v1", "-m", "one", "other")
		}},
		{"HEAD of a nested branch", func(r repo) {
			r.git("update-ref", "refs/heads/feature/x", r.commit("one"))
			r.git("symbolic-ref", "HEAD", "refs/heads/feature/x")
		}},
		{"symbolic references", func(r repo) {
			c := r.commit("one")
			r.git("update-ref", "refs/heads/main", c)
			r.git("update-ref", "refs/remotes/o/main", c)
			r.git("symbolic-ref", "refs/remotes/o/HEAD", "refs/remotes/o/main")
			r.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
			r.git("symbolic-ref", "refs/heads/nowhere", "refs/heads/missing")
			r.git("symbolic-ref", "HEAD", "refs/heads/alias")
		}},
		{"reserved references", func(r repo) {
			c := r.commit("one")
			r.git("update-ref", "refs/heads/main", c)
			r.git("update-ref", "refs/sallyport/pull/1", c)
			r.git("update-ref", "refs/sallyportal", c)
		}},
	}
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			r := newRepo(t, g)
			r.t = t
			shape.make(r)
			compare(t, r)
			if refs, err := r.Refs(t.Context()); err == nil && len(refs.All()) > 0 {
				r.git("pack-refs", "--all")
				compare(t, r)
				first := refs.All()[0]
				r.git("update-ref", "refs/heads/after-packing", r.commit("later", string(first.OID)+"^{}"))
				r.git("update-ref", "--no-deref", "-d", first.Name)
				compare(t, r)
			}
		})
	}
}

// Files that hold no reference are left out; git would show some of them with
// an object name of zeros.
func TestBrokenReferencesAreLeftOut(t *testing.T) {
	r := newRepo(t, installed(t))
	c := r.commit("one")
	r.git("update-ref", "refs/heads/main", c)
	for name, content := range map[string]string{
		"refs/heads/empty": "", "refs/heads/short": "1234\n", "refs/heads/words": "some words\n",
		"refs/heads/x.lock": c + "\n", "refs/heads/.hidden": c + "\n", "refs/heads/bad name": c + "\n",
		"refs/heads/zero": string(ZeroOID) + "\n", "refs/heads/more": c + " more\n",
		"packed-refs": "# pack-refs with: peeled\n^" + c + "\nnonsense\n" + c + " refs/heads/a..b\n" + c + " HEAD\n" + c + " refs/tags/packed\n",
	} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	refs, err := r.Refs(t.Context())
	if err != nil || len(refs.All()) != 2 || refs.All()[0].Name != "refs/heads/main" || refs.All()[1].Name != "refs/tags/packed" {
		t.Errorf("%+v %v", refs.All(), err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "HEAD"), []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	if refs, err := r.Refs(t.Context()); err != nil || refs.Head != (Ref{Name: "HEAD"}) {
		t.Errorf("%+v %v", refs.Head, err)
	}
}

func TestTenThousandReferences(t *testing.T) {
	r := newRepo(t, installed(t))
	manyRefs(r, 10_000)
	compare(t, r)
	r.git("pack-refs", "--all")
	compare(t, r)
}

// manyRefs writes packed references without order and without what the tags
// among them stand for, as old programs did.
func manyRefs(r repo, count int) {
	c := r.commit("one")
	r.git("tag", "-a", "v1", "-m", "one", c)
	tag := r.git("rev-parse", "v1")
	var packed strings.Builder
	for i := range count {
		if i%4 == 0 {
			fmt.Fprintf(&packed, "%s refs/tags/v1.%d\n", tag, i)
		} else {
			fmt.Fprintf(&packed, "%s refs/heads/team-%d/branch-%d\n", c, i%37, i)
		}
	}
	if err := os.WriteFile(filepath.Join(r.dir, "packed-refs"), []byte(packed.String()), 0o644); err != nil {
		r.t.Fatal(err)
	}
	r.git("update-ref", "refs/heads/main", c)
}

// What isn't a plain ls-refs is left to git.
func TestOtherRequestsAreLeftToGit(t *testing.T) {
	r := newRepo(t, installed(t))
	for name, request := range map[string]string{
		"nothing":            "",
		"flush":              "0000",
		"fetch":              "0012command=fetch0000",
		"unknown argument":   string(lsRefsRequest("colour")),
		"unknown capability": "0014command=ls-refs\n0008moon0000",
		"sha256":             "0014command=ls-refs\n0018object-format=sha2560000",
		"cut short":          string(lsRefsRequest("peel")[:60]),
		"two commands":       string(lsRefsRequest()) + string(lsRefsRequest()),
		"not pkt-lines":      "command=ls-refs",
	} {
		if answer, ok, err := r.LsRefs(t.Context(), []byte(request)); ok || err != nil {
			t.Errorf("%s: answered %q, %v", name, answer, err)
		}
	}
	if _, ok, err := r.LsRefs(t.Context(), []byte("0014command=ls-refs\n0000")); !ok || err != nil {
		t.Errorf("without arguments: %v %v", ok, err)
	}
}

func TestParseProtocol(t *testing.T) {
	for said, want := range map[string]Protocol{
		"": ProtocolV0, "version=0": ProtocolV0, "version=1": ProtocolV1, "version=2": ProtocolV2, "version=3": ProtocolV0,
		"version=2:version=1": ProtocolV2, "foo:version=1:bar=2": ProtocolV1, "version=2\n": ProtocolV0, "version=2;x": ProtocolV0,
	} {
		if got := ParseProtocol(said); got != want {
			t.Errorf("%q: got %v, want %v", said, got, want)
		}
	}
}

// A reader beside writers that move, pack and repack references sees every
// reference at all times, with a value that it once had.
func TestReadingBesideWriters(t *testing.T) {
	r := newRepo(t, installed(t))
	first := r.commit("one")
	second := r.commit("two", first)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("refs/heads/dir%d/b%d", i%3, i))
		r.git("update-ref", names[i], first)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	write := func(args ...string) {
		// Two writers may meet at a lock; the loser's error is of no interest.
		cmd := exec.Command("git", args...)
		cmd.Dir = r.dir
		cmd.Env = append(os.Environ(), "GIT_DIR=.")
		_ = cmd.Run()
	}
	writers.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			write("update-ref", names[i%len(names)], []string{second, first}[i/len(names)%2])
		}
	})
	writers.Go(func() {
		for ctx.Err() == nil {
			write("pack-refs", "--all", "--prune")
		}
	})
	for range 3000 {
		refs, err := r.Refs(t.Context())
		if err != nil {
			t.Error(err)
			break
		}
		for _, name := range names {
			if ref, found := refs.Find(name); !found || string(ref.OID) != first && string(ref.OID) != second {
				t.Errorf("%s: %v %v", name, ref, found)
			}
		}
		if t.Failed() {
			break
		}
	}
	stop()
	writers.Wait()
	compare(t, r)
}
