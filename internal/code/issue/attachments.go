package issue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

const (
	// MaxAttachment is how many bytes one file can have.
	MaxAttachment = 10 << 20
	// MaxAttached is how many files one issue can have.
	MaxAttached = 100

	maxAllAttached  = 1 << 30   // bytes of the files of a repository's issues
	maxUploads      = 50        // of one person in a repository that no form has taken yet
	maxAttachedName = 200       // characters
	partSize        = 256 << 10 // bytes that are read and written at once
	uploadsFor      = 24 * time.Hour
)

var errNoAttachment = errs.NotFound("There is no such file, or it isn't yours.")

// Attachment is a file of an issue. Its bytes are read by WriteAttachment.
type Attachment struct {
	ID, Name string
	Kind     string // the media type of an image that a page can hold; empty: something else
	Size     int64  // bytes
	Created  time.Time
	Author   Person
}

var attachmentColumns = `a.id, a.name, a.kind, a.size, a.created, ` + fmt.Sprintf(personColumns, "u", "a.author_name")

const attachmentsFrom = ` FROM issue_attachment a LEFT JOIN code_user u ON u.id = a.author `

// attachedName is the last part of a name as people may read and type it.
func attachedName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, "_"), `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) { // such as those that turn the direction of writing
			return -1
		}
		return r
	}, name))
	if strings.Trim(name, "./") == "" {
		return "file"
	}
	if long := utf8.RuneCountInString(name) - maxAttachedName; long > 0 {
		ending := []rune(path.Ext(name))
		if len(ending) > 20 {
			ending = nil
		}
		begin := []rune(strings.TrimSuffix(name, string(ending)))
		name = string(begin[:len(begin)-long]) + string(ending)
	}
	return name
}

// imageKind is the media type of an image that a page can hold, told by its
// first bytes and never by its name: nothing else is shown in a page.
func imageKind(begin []byte) string {
	switch kind := http.DetectContentType(begin); kind {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return kind
	default:
		return ""
	}
}

// Upload takes a file that an issue or a comment will be given. It is shown to
// nobody, and removed after a day, unless its author's form is taken with its
// id. It wants a grant for RaiseIssues or WriteIssues; what is wrong with the
// file is of kind Invalid for "attachment".
func (s *Service) Upload(ctx context.Context, g access.Grant, name string, from io.Reader) (Attachment, error) {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return Attachment{}, err
	}
	waiting, err := db.One[int](ctx, s.DB, `SELECT COUNT(*) FROM issue_attachment WHERE repository = $1 AND issue IS NULL AND COALESCE(author, '') = $2`,
		g.Repository().ID, g.Actor().User)
	if err == nil && waiting >= maxUploads {
		err = errs.Invalid("attachment", "You have sent %d files that no issue has yet. Take those, or wait a day.", maxUploads)
	}
	if err != nil {
		return Attachment{}, fmt.Errorf("taking a file: %w", err)
	}
	return s.take(ctx, g, name, from)
}

// take keeps a file that no issue has yet: whole, or not at all.
func (s *Service) take(ctx context.Context, g access.Grant, name string, from io.Reader) (Attachment, error) {
	made := Attachment{ID: db.NewID(), Name: attachedName(name), Created: s.Clock()}
	author, authorName := by(g)
	_, err := db.Exec(ctx, s.DB, `INSERT INTO issue_attachment (id, repository, name, kind, size, author, author_name, created) VALUES ($1, $2, $3, '', -1, $4, $5, $6)`,
		made.ID, g.Repository().ID, made.Name, author, authorName, made.Created)
	if err == nil {
		err = s.receive(ctx, g, &made, from)
	}
	if err != nil {
		_, failed := db.Exec(context.WithoutCancel(ctx), s.DB, `DELETE FROM issue_attachment WHERE id = $1 AND issue IS NULL`, made.ID)
		return Attachment{}, errors.Join(fmt.Errorf("taking a file: %w", err), failed)
	}
	return made, nil
}

// receive keeps a file's bytes piece by piece, so that none is held in memory
// whole and no transaction waits for a slow sender.
func (s *Service) receive(ctx context.Context, g access.Grant, into *Attachment, from io.Reader) error {
	piece := make([]byte, partSize)
	for number := 0; ; number++ {
		n, err := fill(piece, from)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if number == 0 {
			into.Kind = imageKind(piece[:n])
		}
		if into.Size += int64(n); into.Size > MaxAttachment {
			return errs.Invalid("attachment", "%s is too large: a file can have %s.", into.Name, git.Size(MaxAttachment))
		}
		if n > 0 {
			if _, err := db.Exec(ctx, s.DB, `INSERT INTO issue_attachment_part (attachment, number, data) VALUES ($1, $2, $3)`, into.ID, number, piece[:n]); err != nil {
				return err
			}
		}
		if n < len(piece) {
			break
		}
	}
	whole, err := db.Exec(ctx, s.DB, `UPDATE issue_attachment SET size = $1, kind = $2 WHERE id = $3 AND
		(SELECT COALESCE(SUM(o.size), 0) FROM issue_attachment o WHERE o.repository = $4 AND o.size > 0) + $1 <= $5`,
		into.Size, into.Kind, into.ID, g.Repository().ID, maxAllAttached)
	if err == nil && whole == 0 {
		return errs.Invalid("attachment", "The files of this repository's issues have %s together, which is all they can. Delete some that are no longer needed.", git.Size(maxAllAttached))
	}
	return err
}

// fill reads until the piece is full, or the end, which is io.EOF. Unlike
// io.ReadFull it tells the end from a sender who broke off.
func fill(piece []byte, from io.Reader) (n int, err error) {
	for n < len(piece) && err == nil {
		var more int
		more, err = from.Read(piece[n:])
		n += more
	}
	return n, err
}

// uploadsSQL gives the actor's files $2 that no issue has yet.
const uploadsSQL = attachmentsFrom + `WHERE a.repository = $1 AND a.id = $2 AND a.issue IS NULL AND a.size >= 0 AND COALESCE(a.author, '') = $3`

// Uploads gives those of some files that the actor has sent and no issue has
// yet, to be shown with the form that they came with.
func (s *Service) Uploads(ctx context.Context, g access.Grant, ids []string) ([]Attachment, error) {
	if err := g.Require(access.RaiseIssues, access.WriteIssues, access.ReadIssues); err != nil {
		return nil, err
	}
	var list []Attachment
	for _, id := range ids[:min(len(ids), maxUploads)] {
		found, err := db.All[Attachment](ctx, s.DB, `SELECT `+attachmentColumns+uploadsSQL, g.Repository().ID, id, g.Actor().User)
		if err != nil {
			return nil, fmt.Errorf("listing files that were sent: %w", err)
		}
		list = append(list, found...)
	}
	return list, nil
}

// UploadNamed gives the last file of a name that the actor has sent and no issue
// has yet, for a look at a text before it is sent. It wants what Uploads wants.
func (s *Service) UploadNamed(ctx context.Context, g access.Grant, name string) (Attachment, error) {
	if err := g.Require(access.RaiseIssues, access.WriteIssues, access.ReadIssues); err != nil {
		return Attachment{}, err
	}
	found, err := db.One[Attachment](ctx, s.DB, `SELECT `+attachmentColumns+attachmentsFrom+`
		WHERE a.repository = $1 AND a.name = $2 AND a.issue IS NULL AND a.size >= 0 AND a.author = $3 ORDER BY a.id DESC LIMIT 1`, g.Repository().ID, name, g.Actor().User)
	if errs.Is(err, errs.KindNotFound) {
		return Attachment{}, errNoAttachment
	}
	return found, err
}

// Attachments lists the files of an issue, by name.
func (s *Service) Attachments(ctx context.Context, g access.Grant, i Issue) ([]Attachment, error) {
	if err := g.Require(reading...); err != nil {
		return nil, err
	}
	list, err := db.All[Attachment](ctx, s.DB, `SELECT `+attachmentColumns+attachmentsFrom+`WHERE a.issue = $1 ORDER BY a.name LIMIT $2`, i.ID, MaxAttached)
	if err != nil {
		return nil, fmt.Errorf("listing files of an issue: %w", err)
	}
	return list, nil
}

// Attachment gives a file of an issue by its name.
func (s *Service) Attachment(ctx context.Context, g access.Grant, i Issue, name string) (Attachment, error) {
	if err := g.Require(reading...); err != nil {
		return Attachment{}, err
	}
	return attachment(ctx, s.DB, i, name)
}

func attachment(ctx context.Context, q db.Q, i Issue, name string) (Attachment, error) {
	found, err := db.One[Attachment](ctx, q, `SELECT `+attachmentColumns+attachmentsFrom+`WHERE a.issue = $1 AND a.name = $2`, i.ID, name)
	if errs.Is(err, errs.KindNotFound) {
		return Attachment{}, errNoAttachment
	}
	return found, err
}

// WriteAttachment writes the bytes of a file that Attachment gave.
func (s *Service) WriteAttachment(ctx context.Context, g access.Grant, a Attachment, to io.Writer) error {
	if err := g.Require(reading...); err != nil {
		return err
	}
	for number, left := 0, a.Size; left > 0; number++ {
		data, err := db.One[[]byte](ctx, s.DB, `SELECT p.data FROM issue_attachment_part p JOIN issue_attachment a ON a.id = p.attachment
			WHERE a.repository = $1 AND a.id = $2 AND p.number = $3`, g.Repository().ID, a.ID, number)
		if err == nil {
			_, err = to.Write(data)
		}
		if err != nil {
			return fmt.Errorf("reading a file of an issue: %w", err)
		}
		left -= int64(len(data))
	}
	return nil
}

// Attach gives an issue files that the actor has sent. One of a name that is
// taken gets a number after it, or takes the other's place where replace says
// so. It wants a grant for RaiseIssues or WriteIssues.
func (s *Service) Attach(ctx context.Context, g access.Grant, number int64, ids []string, replace bool) error {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return err
	}
	err := s.within(ctx, g, number, func(tx *db.Tx, now Issue) error {
		names, err := s.attach(ctx, tx, g, now, ids, replace)
		if err != nil || len(names) == 0 {
			return err
		}
		for _, name := range names {
			if err := s.logFile(ctx, tx, g, now, nil, "", name); err != nil {
				return err
			}
		}
		return s.tell(ctx, tx, g, now, activity.Happening{Kind: activity.IssueChanged, Detail: "attachment"}, "attached "+strings.Join(names, ", ")+".", "")
	})
	if err != nil {
		return fmt.Errorf("attaching files to an issue: %w", err)
	}
	return nil
}

// attach moves files from the form that they came with to an issue, and gives
// their names. What isn't there any more is left out.
func (s *Service) attach(ctx context.Context, tx *db.Tx, g access.Grant, i Issue, ids []string, replace bool) ([]string, error) {
	var names []string
	for _, id := range ids {
		came, err := db.All[Attachment](ctx, tx, `SELECT `+attachmentColumns+uploadsSQL, g.Repository().ID, id, g.Actor().User)
		if err != nil {
			return nil, err
		}
		if len(came) == 0 {
			continue
		}
		name := came[0].Name
		if replace {
			_, err = db.Exec(ctx, tx, `DELETE FROM issue_attachment WHERE issue = $1 AND name = $2`, i.ID, name)
		} else {
			name, err = freeName(ctx, tx, i, name)
		}
		if err != nil {
			return nil, err
		}
		if _, err := db.Exec(ctx, tx, `UPDATE issue_attachment SET issue = $1, name = $2 WHERE id = $3 AND issue IS NULL`, i.ID, name, id); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, nil
	}
	count, err := db.One[int](ctx, tx, `SELECT COUNT(*) FROM issue_attachment WHERE issue = $1`, i.ID)
	if err == nil && count > MaxAttached {
		err = errs.Invalid("attachment", "An issue can have %d files. Delete some of its others first.", MaxAttached)
	}
	if err == nil {
		err = s.stamp(ctx, tx, i.ID)
	}
	return names, err
}

// freeName gives a name that no file of the issue has: photo.png, photo-2.png.
func freeName(ctx context.Context, tx *db.Tx, i Issue, name string) (string, error) {
	taken, err := db.All[string](ctx, tx, `SELECT name FROM issue_attachment WHERE issue = $1`, i.ID)
	if err != nil {
		return "", err
	}
	ending := path.Ext(name)
	free := name
	for n := 2; slices.Contains(taken, free); n++ {
		free = strings.TrimSuffix(name, ending) + "-" + strconv.Itoa(n) + ending
	}
	return free, nil
}

// logFile writes down that a file came or went. It is no change of a field that
// somebody may be editing, so the revision stays.
func (s *Service) logFile(ctx context.Context, tx *db.Tx, g access.Grant, i Issue, comment *string, was, became string) error {
	author, name := by(g)
	_, err := db.Exec(ctx, tx, `
		INSERT INTO issue_change (id, issue, revision, comment, author, author_name, field, was, became, created)
		VALUES ($1, $2, $3, $4, $5, $6, 'attachment', $7, $8, $9)`,
		db.NewID(), i.ID, i.Revision, comment, author, name, was, became, s.Clock())
	if err != nil {
		return err
	}
	return s.note(ctx, tx, g, "issue.attachment_changed", i.Number, map[string]any{"from": was, "to": became})
}

// Detaches reports whether the grant's actor may delete a file: their own, or
// any where they may write.
func Detaches(g access.Grant, a Attachment) bool {
	return writes(g) || g.Actor().User != "" && a.Author.ID == g.Actor().User
}

// Detach deletes a file of an issue. It wants a grant for RaiseIssues or
// WriteIssues.
func (s *Service) Detach(ctx context.Context, g access.Grant, number int64, name string) error {
	if err := g.Require(access.RaiseIssues, access.WriteIssues); err != nil {
		return err
	}
	err := s.within(ctx, g, number, func(tx *db.Tx, now Issue) error {
		gone, err := attachment(ctx, tx, now, name)
		if err != nil {
			return err
		}
		if !Detaches(g, gone) {
			return errNoAttachment
		}
		if _, err := db.Exec(ctx, tx, `DELETE FROM issue_attachment WHERE id = $1`, gone.ID); err != nil {
			return err
		}
		if err := s.stamp(ctx, tx, now.ID); err != nil {
			return err
		}
		return s.logFile(ctx, tx, g, now, nil, gone.Name, "")
	})
	if err != nil {
		return fmt.Errorf("deleting a file of an issue: %w", err)
	}
	return nil
}
