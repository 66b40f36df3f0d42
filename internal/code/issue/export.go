package issue

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
)

const exported = 200 // rows that are read at once

// Export writes the whole tracker as Bitbucket does: a zip with db-2.0.json and
// the files of issues. What is deleted isn't in it, nor what comments were
// before they were edited, which the format has no place for. It wants a grant
// for ExportIssues.
func (s *Service) Export(ctx context.Context, g access.Grant, to io.Writer) error {
	if err := g.Require(access.ExportIssues); err != nil {
		return err
	}
	x := &exporter{s: s, g: g, zip: zip.NewWriter(to), comments: map[said]int64{}}
	if err := x.write(ctx); err != nil {
		return fmt.Errorf("exporting issues: %w", err)
	}
	return nil
}

// exporter writes one archive, a few rows at a time.
type exporter struct {
	s        *Service
	g        access.Grant
	zip      *zip.Writer
	json     io.Writer
	last     int64          // issue; those raised meanwhile are left out, whole
	comments map[said]int64 // numbers that comments have in the archive
	files    []string       // ids
}

// said is a comment by the numbers of its issue and of its own.
type said struct{ issue, comment int64 }

func (x *exporter) write(ctx context.Context) error {
	var err error
	if x.json, err = x.zip.Create(archiveJSON); err != nil {
		return err
	}
	x.last, err = db.One[int64](ctx, x.s.DB, `SELECT COALESCE(MAX(number), 0) FROM issue WHERE repository = $1`, x.g.Repository().ID)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name  string
		write func(context.Context, func(any) error) error
	}{
		{`{"issues"`, x.issues},
		{`,"comments"`, x.writeComments},
		{`,"attachments"`, x.attachments},
		{`,"logs"`, x.logs},
		{`,"components"`, x.choices(Components)},
		{`,"milestones"`, x.choices(Milestones)},
		{`,"versions"`, x.choices(Versions)},
	} {
		if err := x.list(ctx, part.name, part.write); err != nil {
			return err
		}
	}
	meta, err := json.Marshal(archivedMeta{DefaultKind: string(Bug)})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(x.json, `,"meta":%s}`, meta); err != nil {
		return err
	}
	for _, id := range x.files {
		if err := x.file(ctx, id); err != nil {
			return err
		}
	}
	return x.zip.Close()
}

// list writes one list of the JSON.
func (x *exporter) list(ctx context.Context, name string, write func(context.Context, func(any) error) error) error {
	if _, err := io.WriteString(x.json, name+":["); err != nil {
		return err
	}
	comma := ""
	err := write(ctx, func(entry any) error {
		text, err := json.Marshal(entry)
		if err == nil {
			_, err = io.WriteString(x.json, comma+string(text))
		}
		comma = ","
		return err
	})
	if err == nil {
		_, err = io.WriteString(x.json, "]")
	}
	return err
}

func userOf(p Person) *archivedUser {
	if p.Name == "" && p.ID == "" {
		return nil
	}
	return &archivedUser{DisplayName: p.Name, AccountID: p.ID, Nickname: p.Username}
}

func optional(name string) *string {
	if name == "" {
		return nil
	}
	return &name
}

func (x *exporter) issues(ctx context.Context, put func(any) error) error {
	for after := int64(0); ; {
		list, err := db.All[Issue](ctx, x.s.DB, `SELECT `+columns+from+`WHERE i.repository = $1 AND i.number > $2 AND i.number <= $3 ORDER BY i.number LIMIT $4`,
			x.g.Repository().ID, after, x.last, exported)
		if err != nil {
			return err
		}
		for _, i := range list {
			after = i.Number
			made, err := x.issue(ctx, i)
			if err == nil {
				err = put(made)
			}
			if err != nil {
				return err
			}
		}
		if len(list) < exported {
			return nil
		}
	}
}

func (x *exporter) issue(ctx context.Context, i Issue) (archivedIssue, error) {
	made := archivedIssue{
		ID: i.Number, Title: i.Title, Content: i.Body, Kind: i.Kind, Priority: i.Priority.String(), Status: i.State,
		Reporter: userOf(i.Reporter), Component: optional(i.Component), Milestone: optional(i.Milestone), Version: optional(i.Version),
		CreatedOn: archivedTime{i.Created}, UpdatedOn: archivedTime{i.Updated}, ContentUpdatedOn: archivedTime{i.Created},
	}
	if i.Assignee.ID != "" {
		made.Assignee = userOf(i.Assignee)
	}
	edits, err := db.All[Change](ctx, x.s.DB, `SELECT `+changeColumns+` FROM issue_change h LEFT JOIN code_user u ON u.id = h.author
		WHERE h.issue = $1 AND h.field = 'content' ORDER BY h.revision DESC, h.id DESC LIMIT 1`, i.ID)
	if err != nil {
		return made, err
	}
	for _, edit := range edits {
		made.ContentUpdatedOn, made.EditedOn = archivedTime{edit.Created}, archivedTime{edit.Created}
	}
	if made.Watchers, err = x.people(ctx, `issue_watch`, `AND p.watching`, i); err != nil {
		return made, err
	}
	made.Voters, err = x.people(ctx, `issue_vote`, ``, i)
	return made, err
}

func (x *exporter) people(ctx context.Context, table, condition string, i Issue) ([]archivedUser, error) {
	list, err := db.All[Person](ctx, x.s.DB, `SELECT `+fmt.Sprintf(personColumns, "u", "''")+` FROM `+table+` p JOIN code_user u ON u.id = p.user_id
		WHERE p.issue = $1 `+condition+` ORDER BY u.username`, i.ID)
	made := []archivedUser{}
	for _, p := range list {
		made = append(made, *userOf(p))
	}
	return made, err
}

func (x *exporter) writeComments(ctx context.Context, put func(any) error) error {
	type row struct {
		Issue int64
		Comment
	}
	for after, number := "", int64(0); ; {
		list, err := db.All[row](ctx, x.s.DB, `SELECT i.number, `+commentColumns+` FROM issue i JOIN issue_comment c ON c.issue = i.id LEFT JOIN code_user u ON u.id = c.author
			WHERE i.repository = $1 AND i.number <= $2 AND c.deleted = 0 AND c.id > $3 ORDER BY c.id LIMIT $4`, x.g.Repository().ID, x.last, after, exported)
		if err != nil {
			return err
		}
		for _, c := range list {
			number++
			after, x.comments[said{c.Issue, c.Number}] = c.ID, number
			err := put(archivedComment{
				ID: number, Issue: c.Issue, Content: &c.Body, CreatedOn: archivedTime{c.Created}, UpdatedOn: archivedTime{c.Edited}, User: userOf(c.Author),
			})
			if err != nil {
				return err
			}
		}
		if len(list) < exported {
			return nil
		}
	}
}

func (x *exporter) attachments(ctx context.Context, put func(any) error) error {
	type row struct {
		Number int64
		Attachment
	}
	list, err := db.All[row](ctx, x.s.DB, `SELECT i.number, `+attachmentColumns+` FROM issue i JOIN issue_attachment a ON a.issue = i.id LEFT JOIN code_user u ON u.id = a.author
		WHERE i.repository = $1 AND i.number <= $2 ORDER BY i.number, a.name`, x.g.Repository().ID, x.last)
	if err != nil {
		return err
	}
	for _, a := range list {
		x.files = append(x.files, a.ID)
		if err := put(archivedAttachment{Filename: a.Name, Issue: a.Number, Path: attachmentPath(a.ID), User: userOf(a.Author)}); err != nil {
			return err
		}
	}
	return nil
}

func attachmentPath(id string) string { return "attachments/" + id }

// file writes the bytes of a file. One that was deleted meanwhile is empty.
func (x *exporter) file(ctx context.Context, id string) error {
	to, err := x.zip.Create(attachmentPath(id))
	if err != nil {
		return err
	}
	found, err := db.All[Attachment](ctx, x.s.DB, `SELECT `+attachmentColumns+attachmentsFrom+`WHERE a.repository = $1 AND a.id = $2`, x.g.Repository().ID, id)
	for _, a := range found {
		err = x.s.WriteAttachment(ctx, x.g, a, to)
	}
	return err
}

func (x *exporter) logs(ctx context.Context, put func(any) error) error {
	type row struct {
		Number int64
		Change
	}
	for after := ""; ; {
		list, err := db.All[row](ctx, x.s.DB, `SELECT i.number, `+changeColumns+` FROM issue i JOIN issue_change h ON h.issue = i.id LEFT JOIN code_user u ON u.id = h.author
			WHERE i.repository = $1 AND i.number <= $2 AND h.id > $3 ORDER BY h.id LIMIT $4`, x.g.Repository().ID, x.last, after, exported)
		if err != nil {
			return err
		}
		for _, h := range list {
			after = h.ID
			made := archivedLog{Issue: h.Number, Field: h.Field, ChangedFrom: h.Was, ChangedTo: h.Became, CreatedOn: archivedTime{h.Created}, User: userOf(h.Author)}
			if number, known := x.comments[said{h.Number, h.Comment}]; known {
				made.Comment = &number
			}
			if err := put(made); err != nil {
				return err
			}
		}
		if len(list) < exported {
			return nil
		}
	}
}

func (x *exporter) choices(list List) func(context.Context, func(any) error) error {
	return func(ctx context.Context, put func(any) error) error {
		names, err := db.All[string](ctx, x.s.DB, `SELECT name FROM issue_choice WHERE repository = $1 AND list = $2 ORDER BY folded`, x.g.Repository().ID, list)
		for _, name := range names {
			if err == nil {
				err = put(archivedChoice{name})
			}
		}
		return err
	}
}
