package git

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"sallyport.dev/internal/errs"
)

// maxBirths is how many times it is looked whether a file that came new was
// another one renamed.
const maxBirths = 16

// FileCommit is a commit in the history of a file or folder.
type FileCommit struct {
	Commit
	Path string // what the file is called in it
	Was  string // what it was called before; empty: the commit didn't rename it
}

// FileHistory lists the commits from one on that changed a file or folder, newest
// first; a file's under each name that it had (decision 0055). What isn't in the
// list is as in Log.
func (r *Repository) FileHistory(ctx context.Context, from OID, options LogOptions) ([]FileCommit, error) {
	if _, ok := ParseOID(string(from)); !ok || options.Limit < 1 || !ValidPath(options.Path) {
		return nil, ErrNoObject
	}
	read := func(limit int) (commitList, error) { return r.logIDs(ctx, from, options, limit) }
	if entry, err := r.At(ctx, from, options.Path); err == nil && !entry.Mode.IsTree() {
		read = func(limit int) (commitList, error) { return r.followed(ctx, from, options, limit) }
	}
	page, err := logPage(options, read)
	if err != nil {
		return nil, fmt.Errorf("listing a file's commits: %w", err)
	}
	commits := make([]FileCommit, len(page.ids))
	for i, id := range page.ids {
		commits[i].Path, commits[i].Was = options.Path, page.was[id]
		if page.paths != nil {
			commits[i].Path = page.paths[i]
		}
		if commits[i].Commit, err = r.Commit(ctx, id); err != nil {
			return nil, fmt.Errorf("listing a file's commits: %w", err)
		}
	}
	return commits, nil
}

// followed lists the commits that changed a file, at least up to limit of them:
// under its last name those that the commit before the renaming lacks, and then
// from that commit on those under the name before. So the list depends on nothing
// but where it begins, and goes on behind any commit in it.
func (r *Repository) followed(ctx context.Context, from OID, options LogOptions, limit int) (commitList, error) {
	list := commitList{was: map[OID]string{}}
	births := maxBirths
	for {
		under, err := r.touches(ctx, from, options, limit)
		if err != nil {
			return commitList{}, err
		}
		born, err := r.birth(ctx, under.touches, options.Path, &births)
		if err != nil {
			return commitList{}, err
		}
		if born.was != "" {
			options.Without = born.parent
			if under, err = r.touches(ctx, from, options, limit); err != nil {
				return commitList{}, err
			}
			list.was[born.commit] = born.was
		}
		for _, touch := range under.touches {
			if touch.by(options.Author) {
				list.ids, list.paths = append(list.ids, touch.commit), append(list.paths, options.Path)
			}
		}
		list.more = under.more
		list.whole = under.whole && born.was == ""
		if !under.whole || born.was == "" || len(list.ids) >= limit {
			return list, nil
		}
		from, options.Path, options.Without = born.parent, born.was, ""
	}
}

// run is the commits that changed a path, or the newest of them.
type run struct {
	touches []touch
	whole   bool // there are no others
	more    bool // there are others, beyond what is read
}

type touch struct {
	commit OID
	author string // name <address>
	came   bool   // the path came with it
}

func (t touch) by(author string) bool {
	return author == "" || strings.Contains(strings.ToLower(t.author), strings.ToLower(author))
}

// touches lists up to limit commits that changed a path, whoever made them.
func (r *Repository) touches(ctx context.Context, from OID, options LogOptions, limit int) (run, error) {
	args := []string{
		"--literal-pathspecs", "log", "--max-count=" + strconv.Itoa(limit), "--format=%H %an <%ae>", "--name-status", "--no-renames", "--no-mailmap", "--no-color",
		string(from),
	}
	if options.Without != "" {
		args = append(args, "^"+string(options.Without))
	}
	printed, more, err := r.ask(ctx, maxLog, append(args, "--", options.Path)...)
	if err != nil {
		return run{}, err
	}
	made := run{more: more}
	for line := range bytes.Lines(printed) {
		id, author, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		if oid, ok := ParseOID(id); ok {
			made.touches = append(made.touches, touch{commit: oid, author: author})
		} else if last := len(made.touches) - 1; last >= 0 && bytes.HasPrefix(line, []byte("A\t")) {
			made.touches[last].came = true
		}
	}
	made.whole = len(made.touches) < limit && !more
	return made, nil
}

// birth is how a file came by its name.
type birth struct {
	commit, parent OID
	was            string // its name before; empty: it came new
}

// birth finds the newest of some commits that gave the path to a file that had
// another name before. Each commit that is looked at is taken off left.
func (r *Repository) birth(ctx context.Context, touches []touch, path string, left *int) (birth, error) {
	for _, touch := range touches {
		if !touch.came {
			continue
		}
		if *left--; *left < 0 {
			break
		}
		commit, err := r.Commit(ctx, touch.commit)
		if err != nil {
			return birth{}, err
		}
		if len(commit.Parents) != 1 {
			continue
		}
		was, err := r.renamed(ctx, commit.Parents[0], commit.OID, path)
		if err != nil || was != "" {
			return birth{commit.OID, commit.Parents[0], was}, err
		}
	}
	return birth{}, nil
}

// renamed gives the name that a file has in one commit where it has another one
// in the next; none where it isn't there, or so much was changed that it can't be
// told.
func (r *Repository) renamed(ctx context.Context, before, after OID, path string) (string, error) {
	changed, err := r.changed(ctx, before, after, maxRenaming)
	if err != nil || changed >= maxRenaming {
		return "", err
	}
	printed, _, err := r.ask(ctx, maxDiff, "diff-tree", "-r", "-z", "-M", "-l1000", "--diff-filter=R", "--name-status", string(before), string(after))
	if errs.Is(err, errs.KindTooLarge) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	fields := strings.Split(string(printed), "\x00") // how alike, the name before, the name after; and so on
	for i := 0; i+2 < len(fields); i += 3 {
		if fields[i+2] == path && ValidPath(fields[i+1]) {
			return fields[i+1], nil
		}
	}
	return "", nil
}
