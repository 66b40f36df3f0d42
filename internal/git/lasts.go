package git

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sallyport.dev/internal/errs"
)

// lastsBudget is how long may be looked for the commits that files changed in
// last. In a large repository that is long; it goes on while pages are shown
// without them.
const lastsBudget = time.Minute

// folder is a folder as a commit has it.
type folder struct {
	dir    string // of the repository
	path   string
	commit OID
}

// lasts remembers of folders which commit each of their entries changed in last.
type lasts struct {
	mu      sync.Mutex
	working map[folder]*lastsWork
	newest  map[[2]string]folder // by repository and path: the one known last
	known   map[folder]map[string]OID
	order   []folder      // the oldest first
	held    int           // entries in known
	places  chan struct{} // one for each process that looks
}

// What is looked for and remembered.
const (
	lastsKept = 300_000 // entries of all folders together
	lastsMost = 150_000 // entries of one folder
)

type lastsWork struct {
	done  chan struct{}
	found map[string]OID
	err   error
}

func newLasts() *lasts {
	return &lasts{places: make(chan struct{}, 2), working: map[folder]*lastsWork{}, newest: map[[2]string]folder{}, known: map[folder]map[string]OID{}}
}

// LastCommits gives, for the entries of a folder, the commit that each changed
// in last. Where that takes longer than wait it gives none for now and goes on,
// so that a later call finds them. It gives none for a folder that is too large
// or whose history git can't read.
func (r *Repository) LastCommits(ctx context.Context, commit OID, path string, entries []Entry, wait time.Duration) (map[string]OID, error) {
	if len(entries) > lastsMost {
		return nil, nil
	}
	at := folder{r.dir, path, commit}
	l := r.git.lasts
	l.mu.Lock()
	if found := l.known[at]; found != nil {
		l.mu.Unlock()
		return found, nil
	}
	work := l.working[at]
	if work == nil {
		work = &lastsWork{done: make(chan struct{})}
		l.working[at] = work
		before := l.newest[[2]string{r.dir, path}]
		go r.findLasts(at, entries, before, l.known[before], work)
	}
	l.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-work.done:
		return work.found, work.err
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// findLasts does the work. It begins with what is known of an older commit, if
// that is an ancestor: then only the commits since have to be looked at.
func (r *Repository) findLasts(at folder, entries []Entry, before folder, known map[string]OID, work *lastsWork) {
	ctx, stop := context.WithTimeout(r.git.readers.ctx, lastsBudget)
	defer stop()
	wanted := make(map[string]bool, len(entries))
	for _, entry := range entries {
		wanted[entry.Name] = true
	}
	found := map[string]OID{}
	since := OID("")
	if known != nil {
		if base, err := r.MergeBase(ctx, before.commit, at.commit); err == nil && base == before.commit {
			since = base
		}
	}
	work.err = r.walkLasts(ctx, at, since, wanted, found)
	if kind := errs.KindOf(work.err); kind == errs.KindTooLarge || kind == errs.KindConflict {
		work.err = nil // what was found until then is so
	}
	if since != "" && work.err == nil {
		for name, oid := range known {
			if wanted[name] && found[name] == "" {
				found[name] = oid
			}
		}
	}
	work.found = found
	l := r.git.lasts
	l.mu.Lock()
	delete(l.working, at)
	if work.err == nil {
		l.remember(at, found)
	}
	l.mu.Unlock()
	close(work.done)
}

func (l *lasts) remember(at folder, found map[string]OID) {
	l.known[at], l.newest[[2]string{at.dir, at.path}] = found, at
	l.order = append(l.order, at)
	l.held += 1 + len(found)
	for l.held > lastsKept {
		oldest := l.order[0]
		l.order = l.order[1:]
		l.held -= 1 + len(l.known[oldest])
		delete(l.known, oldest)
		if place := [2]string{oldest.dir, oldest.path}; l.newest[place] == oldest {
			delete(l.newest, place)
		}
	}
}

// walkLasts reads the history newest first, until each wanted entry was seen.
func (r *Repository) walkLasts(ctx context.Context, at folder, since OID, wanted map[string]bool, found map[string]OID) error {
	args := []string{"--literal-pathspecs", "log", "--format=%H", "--raw", "--no-abbrev", "--no-renames", "-z", string(at.commit)}
	if since != "" {
		args = append(args, "^"+string(since))
	}
	args = append(args, "--")
	prefix := ""
	if at.path != "" {
		args, prefix = append(args, at.path), at.path+"/"
	}
	cmd, stderr := r.git.command(ctx, process{dir: r.dir, args: args, memory: askMemory})
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("reading a folder's history: %w", err)
	}
	if err := take(ctx, r.git.lasts.places); err != nil {
		return fmt.Errorf("waiting to read a folder's history: %w", err)
	}
	defer leave(r.git.lasts.places)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("reading a folder's history: %w", err)
	}
	enough := readLasts(out, prefix, wanted, found)
	_ = out.Close() // where enough was read, this ends it
	if err := cmd.Wait(); err != nil && !enough {
		return fmt.Errorf("reading a folder's history: %w", askError(context.Background(), ctx, finish(ctx, cmd, err, stderr)))
	}
	return nil
}

// readLasts reads pieces that NUL ends: a commit's name, or ":modes oids
// status" and after it the path.
func readLasts(out io.Reader, prefix string, wanted map[string]bool, found map[string]OID) (enough bool) {
	pieces := bufio.NewScanner(out)
	pieces.Buffer(make([]byte, 64<<10), 1<<20)
	pieces.Split(splitNUL)
	commit, path := OID(""), false
	for pieces.Scan() {
		piece := strings.TrimLeft(pieces.Text(), "\n")
		switch {
		case path:
			path = false
			if inside, ok := strings.CutPrefix(pieces.Text(), prefix); ok {
				name, _, _ := strings.Cut(inside, "/")
				if wanted[name] && found[name] == "" {
					found[name] = commit
				}
			}
			if len(found) == len(wanted) {
				return true
			}
		case strings.HasPrefix(piece, ":"):
			path = true
		default:
			if oid, ok := ParseOID(piece); ok {
				commit = oid
			}
		}
	}
	return false
}

func splitNUL(data []byte, atEnd bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEnd && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
