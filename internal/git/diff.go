package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"sallyport.dev/internal/errs"
)

// emptyTree is the tree without entries, which git knows without having it.
const emptyTree OID = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// maxDiff is how much of a comparison is read, in bytes.
const maxDiff = 4 << 20

// Diff is what lies between two trees.
type Diff struct {
	Summary string // "3 files changed, 10 insertions(+), 2 deletions(-)", as git says it
	Files   []FileDiff
	More    bool // there are changes that weren't read
}

// FileDiff is what was done to one file.
type FileDiff struct {
	Old, New         string // paths; empty where the file is new, or gone
	OldMode, NewMode Mode   // 0 where it is unchanged or not there
	OldBlob, NewBlob OID    // its contents; empty where it is unchanged or not there
	Renamed, Copied  bool
	Binary           bool
	Added, Removed   int // lines
	Hunks            []Hunk
}

// Path is the file's name after the change, or before it where it is gone.
func (f FileDiff) Path() string {
	if f.New == "" {
		return f.Old
	}
	return f.New
}

// Hunk is a run of lines that hang together.
type Hunk struct {
	Section string // what git found the lines to be in: a function's head
	Lines   []DiffLine
}

// DiffLine is one line of a hunk.
type DiffLine struct {
	Op       byte   // ' ', '+' or '-'
	Old, New int    // line numbers, from 1; 0 on the side that lacks it
	Text     string // valid UTF-8, without the newline
	NoEnd    bool   // it is the file's last line, and no newline ends it
}

// DiffOptions is how two trees are compared.
type DiffOptions struct {
	IgnoreSpace bool
	Path        string // only that file or folder; empty: all

	without []string // files that are left out
}

// DiffTrees compares two commits' or trees' files, with renames found. An empty
// from is the tree without entries.
func (r *Repository) DiffTrees(ctx context.Context, from, to OID, options DiffOptions) (Diff, error) {
	printed, more, err := r.printDiff(ctx, from, to, options, "--shortstat")
	if errs.Is(err, errs.KindTooLarge) && len(options.without) == 0 {
		return r.diffAround(ctx, from, to, options, err)
	}
	if err != nil {
		return Diff{}, err
	}
	return parseDiff(printed, more)
}

// PrintDiff is DiffTrees as git prints it, without the summary. What is too large
// to be printed whole isn't printed.
func (r *Repository) PrintDiff(ctx context.Context, from, to OID, options DiffOptions) ([]byte, error) {
	printed, more, err := r.printDiff(ctx, from, to, options)
	if err == nil && more {
		err = errTooMuch()
	}
	return printed, err
}

func (r *Repository) printDiff(ctx context.Context, from, to OID, options DiffOptions, also ...string) (printed []byte, more bool, err error) {
	if from == "" {
		from = emptyTree
	}
	_, ok1 := ParseOID(string(from))
	_, ok2 := ParseOID(string(to))
	if !ok1 || !ok2 || !ValidPath(options.Path) {
		return nil, false, ErrNoObject
	}
	args := append([]string{
		"-c", "core.quotePath=true", "diff-tree", "-r", "-p", "--full-index", "--no-color",
		"--no-ext-diff", "--no-textconv", "--submodule=short", "-M", "-l1000",
	}, also...)
	if options.IgnoreSpace {
		args = append(args, "-w")
	}
	args = append(args, string(from), string(to), "--")
	if options.Path != "" {
		args = append(args, ":(top,literal)"+options.Path)
	}
	for _, path := range options.without {
		args = append(args, ":(top,exclude,literal)"+path)
	}
	changed, err := r.changed(ctx, from, to, maxChanged)
	if err != nil {
		return nil, false, fmt.Errorf("comparing %s with %s: %w", from, to, err)
	}
	if changed >= maxChanged {
		return nil, false, errTooMuch()
	}
	renames := slices.Index(args, "-M")
	if changed > maxRenaming {
		args[renames] = "--no-renames"
	}
	printed, more, err = r.ask(ctx, maxDiff, args...)
	if errs.Is(err, errs.KindTooLarge) && args[renames] == "-M" { // each file is compared with each, and some are large
		args[renames] = "--no-renames"
		printed, more, err = r.ask(ctx, maxDiff, args...)
	}
	if err != nil {
		return nil, false, fmt.Errorf("comparing %s with %s: %w", from, to, err)
	}
	return printed, more, nil
}

func parseDiff(printed []byte, cut bool) (Diff, error) {
	made := Diff{More: cut}
	if cut { // the last file isn't whole
		printed = printed[:bytes.LastIndex(printed, []byte("\ndiff --git "))+1]
	}
	files, before, err := gitdiff.Parse(bytes.NewReader(printed))
	if err != nil {
		return made, fmt.Errorf("reading what git says of a comparison: %w", err)
	}
	made.Summary = strings.TrimSpace(before)
	for _, file := range files {
		made.Files = append(made.Files, fileDiff(file))
	}
	return made, nil
}

func fileDiff(file *gitdiff.File) FileDiff {
	made := FileDiff{
		Old: file.OldName, New: file.NewName, Renamed: file.IsRename, Copied: file.IsCopy, Binary: file.IsBinary,
		OldMode: Mode(file.OldMode), NewMode: Mode(file.NewMode),
	}
	made.OldBlob, _ = ParseOID(file.OldOIDPrefix)
	made.NewBlob, _ = ParseOID(file.NewOIDPrefix)
	if file.IsNew {
		made.Old, made.OldBlob = "", ""
	}
	if file.IsDelete {
		made.New, made.NewBlob = "", ""
	}
	for _, fragment := range file.TextFragments {
		made.Added += int(fragment.LinesAdded)
		made.Removed += int(fragment.LinesDeleted)
		made.Hunks = append(made.Hunks, hunk(fragment))
	}
	return made
}

func hunk(fragment *gitdiff.TextFragment) Hunk {
	made := Hunk{Section: strings.ToValidUTF8(fragment.Comment, "\uFFFD"), Lines: make([]DiffLine, 0, len(fragment.Lines))}
	before, after := int(fragment.OldPosition), int(fragment.NewPosition)
	for _, line := range fragment.Lines {
		text := strings.TrimSuffix(strings.TrimSuffix(line.Line, "\n"), "\r")
		at := DiffLine{Op: ' ', Text: strings.ToValidUTF8(text, "\uFFFD"), NoEnd: line.NoEOL()}
		if line.Old() {
			at.Old, before = before, before+1
		}
		if line.New() {
			at.New, after = after, after+1
		}
		switch line.Op {
		case gitdiff.OpAdd:
			at.Op = '+'
		case gitdiff.OpDelete:
			at.Op = '-'
		}
		made.Lines = append(made.Lines, at)
	}
	return made
}

// MergeBase gives the newest commit that two have in common; empty where they
// have none.
func (r *Repository) MergeBase(ctx context.Context, a, b OID) (OID, error) {
	printed, _, err := r.ask(ctx, 1<<10, "merge-base", string(a), string(b))
	if exit, ok := errors.AsType[*ExitError](err); ok && exit.Code() == 1 {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("finding what two commits have in common: %w", err)
	}
	oid, _ := ParseOID(strings.TrimSpace(string(printed)))
	return oid, nil
}

// AheadBehind counts the commits that only a has, and those that only b has.
func (r *Repository) AheadBehind(ctx context.Context, a, b OID) (ahead, behind int, err error) {
	printed, _, err := r.ask(ctx, 1<<10, "rev-list", "--left-right", "--count", string(a)+"..."+string(b), "--")
	if err != nil {
		return 0, 0, fmt.Errorf("counting commits: %w", err)
	}
	if _, err := fmt.Sscan(string(printed), &ahead, &behind); err != nil {
		return 0, 0, fmt.Errorf("counting commits: git says %q: %w", printed, err)
	}
	return ahead, behind, nil
}
