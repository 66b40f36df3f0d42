package issue

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// What an archive may hold. What is counted is what comes out of it, never what
// it says of itself.
const (
	// MaxArchive is how many bytes an archive can have.
	MaxArchive = 256 << 20

	maxArchiveJSON   = 64 << 20 // bytes, unpacked
	maxArchiveFiles  = 20_000
	maxArchiveIssues = 20_000
	maxArchiveSaid   = 100_000
	maxArchiveLogs   = 300_000
	maxArchivedName  = 100 // characters of a person's name
)

func badArchive(format string, args ...any) error { return errs.Invalid("archive", format, args...) }

// readArchive reads and checks what an archive says, and gives its files by
// name. Nothing is written by it.
func readArchive(from io.ReaderAt, size int64) (*archive, map[string]*zip.File, error) {
	unpacked, err := zip.NewReader(from, size)
	if err != nil {
		return nil, nil, errors.Join(badArchive("The file isn't a zip that can be read. Choose one that was exported from an issue tracker."), err)
	}
	if len(unpacked.File) > maxArchiveFiles {
		return nil, nil, badArchive("The archive has more than %d files.", maxArchiveFiles)
	}
	var text *zip.File
	seen, files := map[string]bool{}, map[string]*zip.File{}
	for _, f := range unpacked.File {
		name := strings.TrimSuffix(f.Name, "/")
		if !utf8.ValidString(name) || strings.Contains(name, `\`) || !filepath.IsLocal(name) || seen[name] {
			return nil, nil, badArchive("The archive has a file whose name can't be right: %q.", f.Name)
		}
		seen[name] = true
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		files[name] = f
		if name == archiveJSON {
			text = f
		}
	}
	if text == nil {
		return nil, nil, badArchive("The archive has no file %s at its top, so it isn't an export of an issue tracker.", archiveJSON)
	}
	made, err := parseArchive(text)
	if err == nil {
		err = made.check(files)
	}
	return made, files, err
}

func parseArchive(file *zip.File) (*archive, error) {
	from, err := file.Open()
	if err != nil {
		return nil, errors.Join(badArchive("%s in the archive can't be unpacked.", archiveJSON), err)
	}
	defer from.Close()
	text, err := io.ReadAll(io.LimitReader(from, maxArchiveJSON+1))
	switch {
	case err != nil:
		return nil, errors.Join(badArchive("%s in the archive can't be unpacked.", archiveJSON), err)
	case len(text) > maxArchiveJSON:
		return nil, badArchive("%s in the archive is larger than %s.", archiveJSON, git.Size(maxArchiveJSON))
	case !utf8.Valid(text):
		return nil, badArchive("%s in the archive isn't UTF-8.", archiveJSON)
	}
	made := &archive{}
	if err := json.Unmarshal(text, made); err != nil {
		return nil, errors.Join(badArchive("%s in the archive isn't what an issue tracker exports: %s", archiveJSON, jsonProblem(text, err)), err)
	}
	return made, nil
}

// jsonProblem says where a text isn't what it should be.
func jsonProblem(text []byte, err error) string {
	at := int64(0)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = syntax.Offset
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at = kind.Offset
	}
	if at <= 0 || at > int64(len(text)) {
		return "a value isn't of its kind."
	}
	return "line " + strconv.Itoa(1+strings.Count(string(text[:at]), "\n")) + "."
}

// check says what can't be taken, so that the whole archive is or nothing of it.
func (a *archive) check(files map[string]*zip.File) error {
	for _, count := range []struct {
		of         string
		have, most int
	}{
		{"issues", len(a.Issues), maxArchiveIssues},
		{"comments", len(a.Comments), maxArchiveSaid},
		{"attachments", len(a.Attachments), maxArchiveFiles},
		{"log entries", len(a.Logs), maxArchiveLogs},
		{"components", len(a.Components), maxChoices},
		{"milestones", len(a.Milestones), maxChoices},
		{"versions", len(a.Versions), maxChoices},
	} {
		if count.have > count.most {
			return badArchive("The archive has %d %s; it can have %d.", count.have, count.of, count.most)
		}
	}
	choices := map[List]map[string]bool{}
	for list, entries := range a.lists() {
		choices[list] = map[string]bool{}
		for i, entry := range entries {
			name, err := cleanEntry(entry.Name, maxChoice)
			if err == nil && choices[list][strings.ToLower(name)] {
				err = errs.Invalid("", "It is there twice.")
			}
			if err != nil {
				return badArchive("The %s %q can't be taken. %s", list, entry.Name, errs.Message(err))
			}
			entries[i].Name, choices[list][strings.ToLower(name)] = name, true
		}
	}
	numbers := map[int64]bool{}
	for n := range a.Issues {
		i := &a.Issues[n]
		if err := i.check(choices); err != nil {
			return badArchive("Issue #%d can't be taken. %s", i.ID, errs.Message(err))
		}
		if numbers[i.ID] {
			return badArchive("There are two issues #%d.", i.ID)
		}
		numbers[i.ID] = true
	}
	return a.checkRest(numbers, files)
}

func (a *archive) lists() map[List][]archivedChoice {
	return map[List][]archivedChoice{Components: a.Components, Milestones: a.Milestones, Versions: a.Versions}
}

// check makes an issue such as the tracker would have it.
func (i *archivedIssue) check(choices map[List]map[string]bool) (err error) {
	if i.ID < 1 || i.ID > 1_000_000_000 {
		return errs.Invalid("", "That isn't a number of an issue.")
	}
	if i.Title, err = cleanTitle(i.Title); err != nil {
		return err
	}
	if i.Content, err = cleanBody(i.Content); err != nil {
		return err
	}
	if !slices.Contains(Kinds(), i.Kind) {
		return errs.Invalid("", "Its kind is none of bug, enhancement, proposal and task.")
	}
	if !slices.Contains(States(), i.Status) {
		return errs.Invalid("", "Its status is none that an issue can have.")
	}
	if _, known := parsePriority(i.Priority); !known {
		return errs.Invalid("", "Its priority is none of trivial, minor, major, critical and blocker.")
	}
	for list, name := range i.chosen() {
		if name != "" && !choices[list][strings.ToLower(name)] {
			return errs.Invalid("", "Its %s isn't in the archive's list.", list)
		}
	}
	if len(i.Watchers)+len(i.Voters) > maxPeople*2 {
		return errs.Invalid("", "It has too many watchers and voters.")
	}
	for _, t := range []*archivedTime{&i.CreatedOn, &i.UpdatedOn, &i.EditedOn, &i.ContentUpdatedOn} {
		if err := t.check(); err != nil {
			return err
		}
	}
	if i.CreatedOn.IsZero() {
		return errs.Invalid("", "It doesn't say when it was created.")
	}
	if i.UpdatedOn.IsZero() {
		i.UpdatedOn = i.CreatedOn
	}
	return nil
}

// chosen gives the entries of lists that an issue has.
func (i *archivedIssue) chosen() map[List]string {
	made := map[List]string{}
	for list, name := range map[List]*string{Components: i.Component, Milestones: i.Milestone, Versions: i.Version} {
		if name != nil {
			made[list] = strings.Join(strings.Fields(*name), " ")
		}
	}
	return made
}

func (t *archivedTime) check() error {
	if !t.IsZero() && (t.Year() < 1970 || t.Year() > 2200) {
		return errs.Invalid("", "It has a time that can't be right.")
	}
	t.Time = t.Truncate(time.Microsecond)
	return nil
}

func (a *archive) checkRest(numbers map[int64]bool, files map[string]*zip.File) (err error) {
	for n := range a.Comments {
		c := &a.Comments[n]
		if !numbers[c.Issue] {
			return badArchive("A comment is of issue #%d, which isn't in the archive.", c.Issue)
		}
		if c.Content != nil {
			if *c.Content, err = cleanBody(*c.Content); err != nil {
				return badArchive("A comment on issue #%d can't be taken. %s", c.Issue, errs.Message(err))
			}
		}
		if err := errors.Join(c.CreatedOn.check(), c.UpdatedOn.check()); err != nil || c.CreatedOn.IsZero() {
			return badArchive("A comment on issue #%d doesn't say when it was written.", c.Issue)
		}
	}
	counts := map[int64]int{}
	for _, f := range a.Attachments {
		counts[f.Issue]++
		switch {
		case !numbers[f.Issue]:
			return badArchive("A file is of issue #%d, which isn't in the archive.", f.Issue)
		case files[f.Path] == nil:
			return badArchive("The file %q of issue #%d isn't in the archive.", f.Path, f.Issue)
		case counts[f.Issue] > MaxAttached:
			return badArchive("Issue #%d has more than %d files.", f.Issue, MaxAttached)
		}
	}
	for n := range a.Logs {
		h := &a.Logs[n]
		if !numbers[h.Issue] {
			return badArchive("A log entry is of issue #%d, which isn't in the archive.", h.Issue)
		}
		h.Field, h.ChangedFrom, h.ChangedTo = cleanName(h.Field), withoutNUL(h.ChangedFrom), withoutNUL(h.ChangedTo)
		if len(h.ChangedFrom) > maxBody || len(h.ChangedTo) > maxBody || h.CreatedOn.check() != nil {
			return badArchive("A log entry of issue #%d can't be taken: it is too long, or its time can't be right.", h.Issue)
		}
	}
	return nil
}

func withoutNUL(text string) string { return strings.ReplaceAll(text, "\x00", "") }

// cleanName is a name of somebody or something that is unknown here.
func cleanName(name string) string {
	name = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, name)), " ")
	if long := []rune(name); len(long) > maxArchivedName {
		name = string(long[:maxArchivedName])
	}
	return name
}
