package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/errs"
)

// LogOptions is which commits are listed.
type LogOptions struct {
	Path    string // only those that changed that file or folder; empty: all
	Author  string // only those whose author's name or address holds it
	After   OID    // only those that come after that one in the list; empty: from its beginning
	Limit   int
	Without OID // none that this commit has or is; empty: all
}

// maxLog is how much of a list of commits is read, in bytes: some 400,000.
const maxLog = 16 << 20

// Log lists commits from one on, newest first. Where After isn't in the list
// the error is ErrNoObject.
func (r *Repository) Log(ctx context.Context, from OID, options LogOptions) ([]Commit, error) {
	if _, ok := ParseOID(string(from)); !ok || options.Limit < 1 || !ValidPath(options.Path) {
		return nil, ErrNoObject
	}
	page, err := logPage(options, func(limit int) (commitList, error) {
		return r.logIDs(ctx, from, options, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("listing commits: %w", err)
	}
	commits := make([]Commit, len(page.ids))
	for i, id := range page.ids {
		if commits[i], err = r.Commit(ctx, id); err != nil {
			return nil, fmt.Errorf("listing commits: %w", err)
		}
	}
	return commits, nil
}

// logPage gives a page of a list. The list is read in pieces that are kept, so
// that whoever leafs through it costs one walk of the history for each piece
// (decision 0045). What is read may end before limit where it isn't whole.
func logPage(options LogOptions, read func(limit int) (commitList, error)) (commitList, error) {
	pieces := []int{1 << 10, 1 << 15, 1 << 30}
	if options.After == "" {
		pieces = append([]int{options.Limit}, pieces...)
	}
	for _, piece := range pieces {
		list, err := read(piece)
		if err != nil {
			return commitList{}, err
		}
		at := slices.Index(list.ids, options.After) + 1
		found := at > 0 || options.After == ""
		switch {
		case found && (list.whole || list.more || len(list.ids)-at >= options.Limit):
			return list.part(at, min(at+options.Limit, len(list.ids))), nil
		case list.more:
			return commitList{}, errTooMuch()
		case list.whole:
			return commitList{}, ErrNoObject
		}
	}
	return commitList{}, ErrNoObject
}

// commitList is a list of commits, or its beginning.
type commitList struct {
	ids   []OID
	paths []string       // what the file is called in each, where it is followed
	was   map[OID]string // its name before, of those that renamed it
	whole bool           // no others follow
	more  bool           // others follow, beyond what is read
}

func (l commitList) part(from, to int) commitList {
	l.ids = l.ids[from:to]
	if l.paths != nil {
		l.paths = l.paths[from:to]
	}
	return l
}

func (r *Repository) logIDs(ctx context.Context, from OID, options LogOptions, limit int) (commitList, error) {
	args := []string{"--literal-pathspecs", "rev-list", "--max-count=" + strconv.Itoa(limit)}
	if options.Author != "" {
		args = append(args, "--fixed-strings", "--regexp-ignore-case", "--author="+options.Author)
	}
	args = append(args, string(from))
	if without, ok := ParseOID(string(options.Without)); ok && without != ZeroOID {
		args = append(args, "^"+string(without))
	}
	args = append(args, "--")
	if options.Path != "" {
		args = append(args, options.Path)
	}
	printed, more, err := r.ask(ctx, maxLog, args...)
	if err != nil {
		return commitList{}, err
	}
	list := commitList{ids: make([]OID, 0, len(printed)/(len(ZeroOID)+1)), more: more}
	for line := range bytes.Lines(printed) {
		if id, ok := ParseOID(string(bytes.TrimSuffix(line, []byte("\n")))); ok {
			list.ids = append(list.ids, id)
		}
	}
	list.whole = len(list.ids) < limit && !more
	return list, nil
}

// BlamePart is a run of lines of a file that came with one commit.
type BlamePart struct {
	Commit  OID
	Author  string
	When    time.Time
	Summary string
	From    int // its first line, from 1
	Lines   []string
}

// Blame tells of each line of the file at a path which commit it came with.
// Beyond limit bytes of answer it gives none, and more.
func (r *Repository) Blame(ctx context.Context, commit OID, path string, limit int) (parts []BlamePart, more bool, err error) {
	if _, ok := ParseOID(string(commit)); !ok || path == "" || !ValidPath(path) {
		return nil, false, ErrNoObject
	}
	printed, more, err := r.ask(ctx, limit, "--literal-pathspecs", "blame", "--porcelain", "--no-textconv", string(commit), "--", path)
	if err != nil || more {
		return nil, more, wrap(err, "finding where lines came from")
	}
	return parseBlame(string(printed)), false, nil
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// parseBlame reads git-blame(1)'s porcelain format: of each line a header, what
// is known of its commit the first time that it comes, and a tab and the text.
func parseBlame(printed string) []BlamePart {
	known := map[OID]*BlamePart{}
	var parts []BlamePart
	var at *BlamePart
	number := 0
	for line := range strings.Lines(printed) {
		line = strings.TrimSuffix(line, "\n")
		if text, ok := strings.CutPrefix(line, "\t"); ok && at != nil {
			last := len(parts) - 1
			if last < 0 || parts[last].Commit != at.Commit || parts[last].From+len(parts[last].Lines) != number {
				part := *at
				part.From = number
				parts = append(parts, part)
				last++
			}
			parts[last].Lines = append(parts[last].Lines, strings.ToValidUTF8(strings.TrimSuffix(text, "\r"), "\uFFFD"))
			continue
		}
		key, value, _ := strings.Cut(line, " ")
		if oid, ok := ParseOID(key); ok {
			if at = known[oid]; at == nil {
				at = &BlamePart{Commit: oid}
				known[oid] = at
			}
			if fields := strings.Fields(value); len(fields) >= 2 {
				number, _ = strconv.Atoi(fields[1])
			}
			continue
		}
		if at != nil {
			at.learn(key, value)
		}
	}
	return parts
}

func (p *BlamePart) learn(key, value string) {
	switch key {
	case "author":
		p.Author = strings.ToValidUTF8(value, "\uFFFD")
	case "author-time":
		if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
			p.When = time.Unix(seconds, 0).UTC()
		}
	case "summary":
		p.Summary = strings.ToValidUTF8(value, "\uFFFD")
	}
}

// Files lists the paths of all files of a commit, by name, in at most limit
// bytes.
func (r *Repository) Files(ctx context.Context, commit OID, limit int) (paths []string, more bool, err error) {
	if _, ok := ParseOID(string(commit)); !ok {
		return nil, false, ErrNoObject
	}
	printed, more, err := r.ask(ctx, limit, "ls-tree", "-r", "-z", "--name-only", string(commit))
	if err != nil {
		return nil, false, fmt.Errorf("listing files: %w", err)
	}
	for name := range bytes.SplitSeq(printed, []byte{0}) {
		if len(name) > 0 {
			paths = append(paths, string(name))
		}
	}
	if more && len(paths) > 0 {
		paths = paths[:len(paths)-1] // cut short
	}
	return paths, more, nil
}

// Match is one line that a search found.
type Match struct {
	Path string
	Line int
	Text string // valid UTF-8
}

// Grep finds the lines of a commit's text files that hold a text, without
// regard to case; of each file the first 20, in at most limit bytes.
func (r *Repository) Grep(ctx context.Context, commit OID, text string, limit int) (matches []Match, more bool, err error) {
	if _, ok := ParseOID(string(commit)); !ok || text == "" || strings.ContainsAny(text, "\x00\n") {
		return nil, false, ErrNoObject
	}
	args := []string{
		"grep", "-n", "-z", "-I", "-F", "-i", "--full-name", "--no-color", "--no-textconv", "--threads=1", "--max-count=20",
		"-e", text, string(commit), "--",
	}
	printed, more, err := r.ask(ctx, limit, args...)
	if errs.Is(err, errs.KindTooLarge) { // git holds a whole file to search it
		if large, found := r.largeFiles(ctx, commit); found == nil && len(large) > 0 {
			printed, more, err = r.ask(ctx, limit, append(args, large...)...)
		}
	}
	if exit, ok := errors.AsType[*ExitError](err); ok && exit.Code() == 1 {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("searching: %w", err)
	}
	for line := range strings.Lines(string(printed)) {
		name, rest, ok1 := strings.Cut(line, "\x00")
		number, found, ok2 := strings.Cut(rest, "\x00")
		at, err := strconv.Atoi(number)
		if !ok1 || !ok2 || err != nil || !strings.HasSuffix(line, "\n") {
			continue // cut short, or a name with a newline in it
		}
		matches = append(matches, Match{
			Path: strings.TrimPrefix(name, string(commit)+":"), Line: at,
			Text: strings.ToValidUTF8(strings.TrimRight(found, "\r\n"), "\uFFFD"),
		})
	}
	return matches, more, nil
}

// Files of more than unsearched bytes are left out of a search that is too much
// for git, if they are few.
const (
	unsearched = 8 << 20
	leftOut    = 200
)

// largeFiles gives what excludes a commit's large files from a search.
func (r *Repository) largeFiles(ctx context.Context, commit OID) (exclude []string, err error) {
	printed, more, err := r.ask(ctx, maxListing, "ls-tree", "-r", "-l", "-z", string(commit))
	if err != nil || more {
		return nil, err
	}
	for line := range bytes.SplitSeq(printed, []byte{0}) {
		head, path, _ := bytes.Cut(line, []byte("\t"))
		fields := bytes.Fields(head)
		if len(fields) != 4 {
			continue
		}
		if size, err := strconv.ParseInt(string(fields[3]), 10, 64); err == nil && size > unsearched {
			exclude = append(exclude, ":(top,exclude,literal)"+string(path))
		}
	}
	if len(exclude) > leftOut {
		return nil, nil
	}
	return exclude, nil
}

// maxListing is how much of a listing of all files is read, in bytes.
const maxListing = 16 << 20

// Sizes adds up the bytes of a commit's files by what sort says of the last
// part of their paths; of those of which it says nothing, none. What is found
// is kept with the tree, so sort must always say the same.
func (r *Repository) Sizes(ctx context.Context, commit OID, sort func(name string) string) (map[string]int64, error) {
	found, err := r.Commit(ctx, commit)
	if err != nil {
		return nil, err
	}
	key := objectKey{r.dir, found.Tree}
	if known, ok := r.git.sizes.Get(key); ok {
		return known, nil
	}
	printed, _, err := r.ask(ctx, maxListing, "ls-tree", "-r", "-l", "-z", string(found.Tree))
	if err != nil {
		return nil, fmt.Errorf("adding up files: %w", err)
	}
	sizes, sorts := map[string]int64{}, map[string]string{}
	for line := range bytes.SplitSeq(printed, []byte{0}) {
		head, path, ok := bytes.Cut(line, []byte("\t"))
		fields := bytes.Fields(head)
		if !ok || len(fields) != 4 {
			continue
		}
		size, err := strconv.ParseInt(string(fields[3]), 10, 64)
		if err != nil {
			continue // a submodule
		}
		name := string(path[bytes.LastIndexByte(path, '/')+1:])
		ending := name[strings.LastIndexByte(name, '.')+1:]
		kind, known := sorts[ending]
		if !known || ending == name {
			kind = sort(name)
			sorts[ending] = kind
		}
		if kind != "" {
			sizes[kind] += size
		}
	}
	r.git.sizes.Put(key, sizes, 64*len(sizes))
	return sizes, nil
}
