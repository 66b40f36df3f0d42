package issue

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// Imported is what an import brought.
type Imported struct{ Issues, Comments, Attachments, Logs int }

// Import takes an archive that Export or Bitbucket wrote: the whole of it, or
// nothing. Issues keep their numbers, so these must be free, but where replace
// says that all issues that there are go first. People are known by their
// account or username among those who may read; everybody else stays a name.
// It wants a grant for AdminIssues. What is wrong with the archive is of kind
// Invalid for "archive".
func (s *Service) Import(ctx context.Context, g access.Grant, from io.Reader, replace bool) (Imported, error) {
	if err := g.Require(access.AdminIssues); err != nil {
		return Imported{}, err
	}
	if !s.importing.TryLock() { // one holds much in memory
		return Imported{}, errs.TooMany(time.Minute, "Issues are being imported already. Try again in a minute.")
	}
	defer s.importing.Unlock()
	file, size, err := spool(from)
	if err != nil {
		return Imported{}, fmt.Errorf("taking an archive of issues: %w", err)
	}
	defer file.Close()
	said, files, err := readArchive(file, size)
	if err != nil {
		return Imported{}, err
	}
	m := &importer{s: s, g: g, archive: said, now: s.Clock(), people: map[string]*string{}, choices: map[string]string{}, issues: map[int64]Issue{}, comments: map[int64]string{}}
	if err := m.run(ctx, files, replace); err != nil {
		return Imported{}, fmt.Errorf("importing issues: %w", err)
	}
	return m.done, nil
}

// spool keeps an archive in a file without a name, which is gone once it is
// closed, also by a crash.
func spool(from io.Reader) (file *os.File, size int64, err error) {
	file, err = os.CreateTemp("", "sallyport-issues-*")
	if err != nil {
		return nil, 0, err
	}
	if err = os.Remove(file.Name()); err == nil {
		size, err = io.Copy(file, io.LimitReader(from, MaxArchive+1))
	}
	if err == nil && size > MaxArchive {
		err = badArchive("The archive is larger than %s.", git.Size(MaxArchive))
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, size, nil
}

// importer brings one archive in.
type importer struct {
	s        *Service
	g        access.Grant
	archive  *archive
	now      time.Time
	people   map[string]*string // users who may read, by id and by username
	choices  map[string]string  // ids, by list and folded name
	issues   map[int64]Issue    // ids, by number
	comments map[int64]string   // ids, by the archive's number
	files    []string           // ids of uploads, as the archive lists its attachments
	done     Imported
}

// run brings the files first, as uploads that no issue has yet, so that the one
// transaction is short; where it fails they go again.
func (m *importer) run(ctx context.Context, files map[string]*zip.File, replace bool) error {
	err := m.upload(ctx, files)
	if err == nil {
		err = m.s.DB.InTx(ctx, func(tx *db.Tx) error { return m.write(ctx, tx, replace) })
	}
	if err == nil {
		return nil
	}
	for _, id := range m.files {
		if _, failed := db.Exec(context.WithoutCancel(ctx), m.s.DB, `DELETE FROM issue_attachment WHERE id = $1 AND issue IS NULL`, id); failed != nil {
			return errors.Join(err, failed) // the sweep removes the rest
		}
	}
	return err
}

func (m *importer) upload(ctx context.Context, files map[string]*zip.File) error {
	for _, a := range m.archive.Attachments {
		from, err := files[a.Path].Open()
		if err != nil {
			return errors.Join(badArchive("The file %q of issue #%d can't be unpacked.", a.Filename, a.Issue), err)
		}
		made, err := m.s.take(ctx, m.g, a.Filename, from)
		from.Close()
		if field := errs.Fields(err)["attachment"]; field != "" {
			return badArchive("A file of issue #%d can't be taken. %s", a.Issue, field)
		}
		if errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrAlgorithm) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.Join(badArchive("The file %q of issue #%d is damaged.", a.Filename, a.Issue), err)
		}
		if err != nil {
			return err
		}
		m.files = append(m.files, made.ID)
	}
	return nil
}

func (m *importer) write(ctx context.Context, tx *db.Tx, replace bool) error {
	if err := db.Lock(ctx, tx, "issues "+m.g.Repository().ID); err != nil {
		return err
	}
	if replace {
		for _, statement := range []string{`DELETE FROM issue WHERE repository = $1`, `DELETE FROM issue_choice WHERE repository = $1`} {
			if _, err := db.Exec(ctx, tx, statement, m.g.Repository().ID); err != nil {
				return err
			}
		}
	}
	for _, step := range []func(context.Context, *db.Tx) error{
		m.readPeople, m.writeChoices, m.writeIssues, m.writeComments, m.writeLogs, m.writeAttachments, m.finish,
	} {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	m.done = Imported{len(m.archive.Issues), len(m.comments), len(m.files), len(m.archive.Logs)}
	return m.s.note(ctx, tx, m.g, "issues.imported", 0, map[string]any{"issues": m.done.Issues, "comments": m.done.Comments, "attachments": m.done.Attachments, "replaced": replace})
}

func (m *importer) readPeople(ctx context.Context, tx *db.Tx) error {
	list, err := db.All[Person](ctx, tx, `SELECT u.id, u.username, u.name FROM code_user u WHERE u.id IN (`+membersSQL+`)`, m.g.Repository().ID)
	for _, p := range list {
		id := p.ID
		m.people[id], m.people[strings.ToLower(p.Username)] = &id, &id
	}
	return err
}

// person gives who somebody is here, or nobody and their name.
func (m *importer) person(u *archivedUser) (id *string, name string) {
	if u == nil {
		return nil, "Somebody"
	}
	for _, key := range []string{u.AccountID, strings.ToLower(u.Nickname)} {
		if id := m.people[key]; id != nil && key != "" {
			return id, ""
		}
	}
	return nil, cmp.Or(cleanName(u.DisplayName), cleanName(u.Nickname), "Somebody")
}

func (m *importer) writeChoices(ctx context.Context, tx *db.Tx) error {
	for _, list := range Lists() {
		there, err := db.All[Choice](ctx, tx, `SELECT id, number, list, folded, 0 FROM issue_choice WHERE repository = $1 AND list = $2`, m.g.Repository().ID, list)
		if err != nil {
			return err
		}
		for _, c := range there {
			m.choices[string(list)+" "+c.Name] = c.ID
		}
		for _, entry := range m.archive.lists()[list] {
			key := string(list) + " " + strings.ToLower(entry.Name)
			if m.choices[key] != "" {
				continue
			}
			if m.choices[key], err = m.s.addChoice(ctx, tx, m.g, list, entry.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *importer) writeIssues(ctx context.Context, tx *db.Tx) error {
	for _, i := range m.archive.Issues {
		if err := m.writeIssue(ctx, tx, i); err != nil {
			return err
		}
	}
	return nil
}

func (m *importer) writeIssue(ctx context.Context, tx *db.Tx, i archivedIssue) error {
	id, priority := db.NewID(), Priority(0)
	priority, _ = parsePriority(i.Priority) // it was checked
	reporter, name := m.person(i.Reporter)
	var assignee *string
	unknown := ""
	if i.Assignee != nil {
		assignee, unknown = m.person(i.Assignee)
	}
	chosen := map[List]*string{}
	for list, name := range i.chosen() {
		if id := m.choices[string(list)+" "+strings.ToLower(name)]; id != "" {
			chosen[list] = &id
		}
	}
	_, err := db.Exec(ctx, tx, `
		INSERT INTO issue (id, repository, number, title, body, kind, priority, state, reporter, reporter_name, assignee, component, milestone, version, created, updated)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		id, m.g.Repository().ID, i.ID, i.Title, i.Content, i.Kind, priority, i.Status, reporter, name,
		assignee, chosen[Components], chosen[Milestones], chosen[Versions], i.CreatedOn.Time, i.UpdatedOn.Time)
	if db.IsDuplicate(err) {
		return errs.Conflict("archive", "There is an issue #%d already, and issues keep their numbers. Nothing was imported. Delete it first, or replace all issues that there are.", i.ID)
	}
	if err != nil {
		return err
	}
	m.issues[i.ID] = Issue{ID: id, Number: i.ID, Revision: 1}
	if unknown != "" { // so that it is told whom it was given to
		me := &archivedUser{AccountID: m.g.Actor().User, DisplayName: "Access token"}
		if err := m.writeLog(ctx, tx, archivedLog{Issue: i.ID, Field: "assignee", ChangedFrom: unknown, CreatedOn: archivedTime{m.now}, User: me}); err != nil {
			return err
		}
	}
	return m.writePeople(ctx, tx, id, i)
}

// writePeople keeps who watches and who voted, of those who are known here.
func (m *importer) writePeople(ctx context.Context, tx *db.Tx, id string, i archivedIssue) error {
	for _, list := range []struct {
		statement string
		people    []archivedUser
	}{
		{`INSERT INTO issue_watch (issue, user_id, watching) VALUES ($1, $2, TRUE) ON CONFLICT (issue, user_id) DO NOTHING`, i.Watchers},
		{`INSERT INTO issue_vote (issue, user_id) VALUES ($1, $2) ON CONFLICT (issue, user_id) DO NOTHING`, i.Voters},
	} {
		for _, u := range list.people {
			user, _ := m.person(&u)
			if user == nil {
				continue
			}
			if _, err := db.Exec(ctx, tx, list.statement, id, *user); err != nil {
				return err
			}
		}
	}
	_, err := db.Exec(ctx, tx, `UPDATE issue SET votes = (SELECT COUNT(*) FROM issue_vote v WHERE v.issue = $1) WHERE id = $1`, id)
	return err
}

func (m *importer) writeComments(ctx context.Context, tx *db.Tx) error {
	slices.SortStableFunc(m.archive.Comments, func(a, b archivedComment) int { return a.CreatedOn.Compare(b.CreatedOn.Time) })
	numbers := map[int64]int64{} // of the last comment, by issue
	for _, c := range m.archive.Comments {
		if c.Content == nil || *c.Content == "" {
			continue // it stands for a change, which is in the log
		}
		id := db.NewID()
		numbers[c.Issue]++
		author, name := m.person(c.User)
		_, err := db.Exec(ctx, tx, `INSERT INTO issue_comment (id, issue, number, author, author_name, body, created, edited) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			id, m.issues[c.Issue].ID, numbers[c.Issue], author, name, *c.Content, c.CreatedOn.Time, c.UpdatedOn.Time)
		if err != nil {
			return err
		}
		m.comments[c.ID] = id
	}
	return nil
}

func (m *importer) writeLogs(ctx context.Context, tx *db.Tx) error {
	for _, h := range m.archive.Logs {
		if err := m.writeLog(ctx, tx, h); err != nil {
			return err
		}
	}
	return nil
}

// writeLog keeps a change. It was before what can be edited here, so its
// revision is the first.
func (m *importer) writeLog(ctx context.Context, tx *db.Tx, h archivedLog) error {
	author, name := m.person(h.User)
	var comment *string
	if h.Comment != nil && m.comments[*h.Comment] != "" {
		id := m.comments[*h.Comment]
		comment = &id
	}
	_, err := db.Exec(ctx, tx, `
		INSERT INTO issue_change (id, issue, revision, comment, author, author_name, field, was, became, created)
		VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9)`,
		db.NewID(), m.issues[h.Issue].ID, comment, author, name, h.Field, h.ChangedFrom, h.ChangedTo, h.CreatedOn.Time)
	return err
}

func (m *importer) writeAttachments(ctx context.Context, tx *db.Tx) error {
	for n, a := range m.archive.Attachments {
		i := m.issues[a.Issue]
		name, err := freeName(ctx, tx, i, attachedName(a.Filename))
		if err != nil {
			return err
		}
		author, authorName := m.person(a.User)
		kept, err := db.Exec(ctx, tx, `UPDATE issue_attachment SET issue = $1, name = $2, author = $3, author_name = $4 WHERE id = $5 AND issue IS NULL`,
			i.ID, name, author, authorName, m.files[n])
		if err == nil && kept == 0 {
			err = errs.Conflict("archive", "A file that came with the archive is gone. Try again.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finish has the words found, and gives none of the numbers again.
func (m *importer) finish(ctx context.Context, tx *db.Tx) error {
	last := int64(0)
	for number, i := range m.issues {
		last = max(last, number)
		if err := m.s.index(ctx, tx, i.ID); err != nil {
			return err
		}
	}
	_, err := db.Exec(ctx, tx, `INSERT INTO issue_tracker (repository, last) VALUES ($1, $2)
		ON CONFLICT (repository) DO UPDATE SET last = CASE WHEN issue_tracker.last > EXCLUDED.last THEN issue_tracker.last ELSE EXCLUDED.last END`, m.g.Repository().ID, last)
	return err
}
