package git

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// Version is a commit that changed a file, and where the file was then.
type Version struct {
	Commit
	Path string
}

// maxVersions is how many commits of a file's history are known at all.
const maxVersions = 20_000

// History lists the commits that changed a file, newest first, and follows it
// to where it was before it was moved: at most limit of those that come after a
// commit of the list, or from its beginning where that is empty.
func (r *Repository) History(ctx context.Context, from OID, path string, after OID, limit int) ([]Version, error) {
	if _, ok := ParseOID(string(from)); !ok || path == "" || !ValidPath(path) || limit < 1 {
		return nil, ErrNoObject
	}
	most := limit
	if after != "" {
		most = maxVersions
	}
	printed, _, err := r.ask(ctx, 4<<20,
		"--literal-pathspecs", "log", "-z", "--follow", "--name-only", "--format=%x01%H",
		fmt.Sprintf("--max-count=%d", most), string(from), "--", path)
	if err != nil {
		return nil, fmt.Errorf("reading the history of a file: %w", err)
	}
	versions := parseVersions(string(printed), path)
	if after != "" {
		at := slices.IndexFunc(versions, func(v Version) bool { return v.OID == after })
		if at < 0 {
			return nil, ErrNoObject
		}
		versions = versions[at+1:]
	}
	versions = versions[:min(limit, len(versions))]
	for i := range versions {
		if versions[i].Commit, err = r.Commit(ctx, versions[i].OID); err != nil {
			return nil, fmt.Errorf("reading the history of a file: %w", err)
		}
	}
	return versions, nil
}

// parseVersions reads each commit's id, and the path that the file had then.
func parseVersions(printed, path string) []Version {
	var versions []Version
	for part := range strings.SplitSeq(printed, "\x00") {
		part = strings.TrimLeft(part, "\n")
		switch oid, commit := strings.CutPrefix(part, "\x01"); {
		case commit:
			versions = append(versions, Version{Commit: Commit{OID: OID(strings.TrimSpace(oid))}, Path: path})
		case part != "" && len(versions) > 0:
			path = part
			versions[len(versions)-1].Path = path
		}
	}
	return versions
}

// maxText bounds each of two files that are compared.
const maxText = 1 << 20 // bytes

// DiffBlobs compares two files of the repository, whatever their names; more
// says that they are too large to be compared. An empty name stands for a file
// that isn't there.
func (r *Repository) DiffBlobs(ctx context.Context, before, after OID) (made FileDiff, more bool, err error) {
	var texts [2][]byte
	for i, oid := range []OID{before, after} {
		if oid == "" || before == after {
			continue
		}
		blob, err := r.Blob(ctx, oid, maxText)
		if err != nil {
			return FileDiff{}, false, err
		}
		if blob.Data == nil && blob.Size > 0 {
			return FileDiff{}, true, nil
		}
		made.Binary = made.Binary || bytes.IndexByte(blob.Data, 0) >= 0
		texts[i] = blob.Data
	}
	switch {
	case made.Binary || before == after:
		return made, false, nil
	case before == "":
		return oneSided('+', texts[1]), false, nil
	case after == "":
		return oneSided('-', texts[0]), false, nil
	}
	printed, more, err := r.ask(ctx, 4*maxText, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--text", string(before), string(after))
	if err != nil {
		return FileDiff{}, false, fmt.Errorf("comparing two files: %w", err)
	}
	diff, err := parseDiff(printed, more)
	if err != nil || len(diff.Files) == 0 {
		return FileDiff{}, more, err
	}
	return diff.Files[0], more, nil
}

// oneSided is the whole of a text, as new or as gone.
func oneSided(op byte, text []byte) FileDiff {
	var made FileDiff
	var whole Hunk
	for line := range strings.Lines(string(bytes.ToValidUTF8(text, []byte("\uFFFD")))) {
		at := DiffLine{Op: op, Text: strings.TrimRight(line, "\r\n"), NoEnd: !strings.HasSuffix(line, "\n")}
		if op == '+' {
			made.Added++
			at.New = made.Added
		} else {
			made.Removed++
			at.Old = made.Removed
		}
		whole.Lines = append(whole.Lines, at)
	}
	if len(whole.Lines) > 0 {
		made.Hunks = []Hunk{whole}
	}
	return made
}
