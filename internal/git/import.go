package git

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/errs"
)

// Source is where a repository is brought in from. Of its fields one is set.
type Source struct {
	Address string      // https://, http://, ssh:// or file:///, which the caller allows
	Bundle  string      // path of a bundle
	Origin  *Repository // another one here

	SSH SSH // for an address of ssh://
}

// SSH is what this machine proves itself with, and knows others by.
type SSH struct {
	Key        string // file of a private key
	KnownHosts string // file of the keys of hosts, as ssh writes it
}

// command starts ssh with these alone: no agent, no settings, no question.
func (s SSH) command() string {
	program, err := exec.LookPath("ssh")
	if err != nil {
		program = "/usr/bin/ssh" // git says that it isn't there
	}
	quoted := func(path string) string {
		if whole, err := filepath.Abs(path); err == nil { // ssh runs elsewhere
			path = whole
		}
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return quoted(program) + " -F none -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o ConnectTimeout=20" +
		" -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=none -o UserKnownHostsFile=" + quoted(s.KnownHosts) + " -i " + quoted(s.Key)
}

func (s Source) from() string {
	switch {
	case s.Origin != nil:
		return s.Origin.dir
	case s.Bundle != "":
		return s.Bundle
	default:
		return s.Address
	}
}

// config lets git speak the one protocol of the source, follow no redirect, and
// hand out no credential.
func (s Source) config() []string {
	scheme, _, remote := strings.Cut(s.Address, "://")
	if !remote {
		scheme = "file"
	}
	config := []string{
		"protocol." + scheme + ".allow=always",
		"http.followRedirects=false", "credential.helper=", "core.askPass=true",
		"http.lowSpeedLimit=1000", "http.lowSpeedTime=60",
		"fetch.unpackLimit=1", "fetch.writeCommitGraph=false", "transfer.bundleURI=false", "pack.threads=1",
	}
	if scheme == "ssh" {
		config = append(config, "core.sshCommand="+s.SSH.command(), "ssh.variant=ssh")
	}
	return config
}

// ImportLimits bounds an import; the context bounds its time.
type ImportLimits struct {
	Whole    int64             // bytes of git data
	Refs     int               // branches and tags; 0: any number
	Progress func(bytes int64) // is told every second how many bytes have come
}

// importWatch is how often an import is looked after.
const importWatch = time.Second

// Import fills an empty repository with the branches and tags of a source. All
// objects are checked as those of a push are. Where it fails, what has come of it
// stays on disk: whoever made the repository removes it. Errors that are the
// source's are of kind Invalid.
func (r *Repository) Import(ctx context.Context, from Source, limits ImportLimits) error {
	head, err := r.lookAt(ctx, from, limits)
	if err != nil {
		return err
	}
	watched, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		r.watch(watched, limits, stop)
	}()
	err = r.git.runLow(watched, process{
		dir: r.dir, config: from.config(),
		args: []string{
			"fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--",
			from.from(), "+" + branches + "*:" + branches + "*", "+refs/tags/*:refs/tags/*",
		},
	})
	if err == nil && from.Bundle != "" { // what comes by the wire is checked as it comes
		err = r.git.runLow(watched, process{dir: r.dir, args: []string{"fsck", "--full", "--strict", "--no-dangling", "--no-progress"}})
	}
	stop(nil)
	<-watching
	if err != nil {
		return r.importError(ctx, watched, err, "What is there couldn't be fetched whole: it is cut short, damaged, or holds what isn't taken here.")
	}
	if held, err := r.Held(); err != nil || limits.Whole > 0 && held > limits.Whole {
		return errors.Join(err, tooMuch(limits))
	}
	return r.setImportedHead(ctx, head)
}

func tooMuch(limits ImportLimits) error {
	return errs.Invalid("", "It holds more than %s, the limit here.", Size(limits.Whole))
}

// lookAt asks the source what it has, and gives the line of its HEAD.
func (r *Repository) lookAt(ctx context.Context, from Source, limits ImportLimits) (head Ref, err error) {
	listed, more, err := r.git.output(ctx, process{
		dir: r.dir, config: from.config(),
		args: []string{"ls-remote", "-q", "--symref", "--", from.from(), "HEAD", branches + "*", "refs/tags/*"},
	}, maxCommands)
	if err != nil {
		return head, r.importError(ctx, ctx, err, "There is no git repository at that address.")
	}
	refs := 0
	for line := range strings.Lines(string(listed)) {
		what, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		target, symbolic := strings.CutPrefix(what, "ref: ")
		oid, _ := ParseOID(what)
		switch {
		case name == "HEAD" && symbolic:
			head.Target = target
		case name == "HEAD":
			head.OID = oid
		case !strings.HasSuffix(name, "^{}"):
			refs++
			if name == branches+"main" && oid == head.OID && head.Target == "" {
				head.Target = name // a bundle doesn't say which branch it was
			}
		}
	}
	switch {
	case refs == 0:
		return head, errs.Invalid("", "It has no branch and no tag.")
	case more, limits.Refs > 0 && refs > limits.Refs:
		return head, errs.Invalid("", "It has more than %d branches and tags, the limit here.", limits.Refs)
	}
	return head, nil
}

// watch tells how far an import is, and stops one that is over its limit.
func (r *Repository) watch(ctx context.Context, limits ImportLimits, stop context.CancelCauseFunc) {
	tick := time.NewTicker(importWatch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, err := r.Held()
		switch {
		case err != nil:
			stop(err)
		case limits.Whole > 0 && held > limits.Whole:
			stop(tooMuch(limits))
		case limits.Progress != nil:
			limits.Progress(held)
		}
	}
}

// importError makes an error of git's the source's, unless somebody ended it:
// ctx, or what watched it.
func (r *Repository) importError(ctx, watched context.Context, err error, words string) error {
	if ctx.Err() != nil || watched.Err() != nil && !errors.Is(context.Cause(watched), context.Canceled) {
		return fmt.Errorf("bringing in a repository: %w", err)
	}
	return errors.Join(errs.Invalid("", "%s", sourceWords(err, words)), err)
}

// sourceWords says what keeps a source from being read, by what git and the
// programs below it say; otherwise where they say nothing of these.
func sourceWords(err error, otherwise string) string {
	exit, failed := errors.AsType[*ExitError](err)
	if !failed {
		return otherwise
	}
	for _, known := range []struct {
		words string
		said  []string
	}{
		{"This server doesn't know the key of that host. Its operator can add it.", []string{"host key verification failed"}},
		{"This server's SSH key isn't let in there. Ask its operator for the public key, and add it there.", []string{"permission denied (publickey"}},
		{"It can't be read without signing in. Import a file of it instead.", []string{"could not read username", "authentication failed", "returned error: 401", "returned error: 403"}},
		{"This server doesn't trust the certificate at that address.", []string{"certificate"}},
		{"Nothing answers at that address. See whether it is right.", []string{
			"could not resolve host", "failed to connect", "couldn't connect", "connection refused", "timed out", "no route to host", "network is unreachable", "connection reset",
		}},
	} {
		said := strings.ToLower(exit.Stderr)
		if slices.ContainsFunc(known.said, func(part string) bool { return strings.Contains(said, part) }) {
			return known.words
		}
	}
	return otherwise
}

// setImportedHead makes HEAD name the branch that the source's does, or the
// first that points where it points, or any.
func (r *Repository) setImportedHead(ctx context.Context, head Ref) error {
	refs, err := r.Refs(ctx)
	if err != nil {
		return err
	}
	born := refs.Under(branches)
	if len(born) == 0 {
		return nil
	}
	chosen := born[0].Name
	for i := len(born) - 1; i >= 0; i-- {
		if born[i].OID == head.OID {
			chosen = born[i].Name
		}
	}
	if ref, found := refs.Find(head.Target); found && strings.HasPrefix(ref.Name, branches) {
		chosen = ref.Name
	}
	return r.SetHead(chosen)
}
