package wiki

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/activity"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// Edit is what somebody wants a page to hold.
type Edit struct {
	Name    string
	Text    string
	Message string  // why; empty: what was done is said
	Base    git.OID // what the page held as they began; empty: it didn't exist
}

// Conflict says that somebody has changed the page since the editor began. It
// holds the page as it is now: without a Blob where it was deleted.
type Conflict struct{ Theirs Page }

func (c *Conflict) Error() string { return "the page was changed meanwhile" }

// Unwrap gives it a kind and a public message.
func (c *Conflict) Unwrap() error {
	if c.Theirs.Blob == "" {
		return errs.Conflict("", "Somebody has deleted or renamed this page since you began. Your text is below: save it to make the page anew.")
	}
	return errs.Conflict("", "Somebody has saved this page since you began. Nothing is lost: their version and yours are below. Put together what you want to keep, and save again.")
}

const (
	maxMessage = 200 // characters
	tries      = 5   // to get in between others who write other pages
)

// Save writes a page. It wants a grant for WriteWiki.
func (s *Service) Save(ctx context.Context, g access.Grant, in Edit) (Page, error) {
	text := strings.ReplaceAll(in.Text, "\r\n", "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return Page{}, errs.Invalid("text", "There are characters in it that aren't text.")
	case len(text) > MaxText:
		return Page{}, errs.Invalid("text", "A page can have %s. Part it into several, or push it with git.", git.Size(MaxText))
	}
	h := activity.Happening{Subject: in.Name}
	return s.change(ctx, g, in.Name, in.Base, in.Message, &h, func(w *Wiki, now Page) (git.Change, error) {
		verb := "Edit "
		h.Kind = activity.WikiEdited
		if now.Blob == "" {
			verb, h.Kind = "Add ", activity.WikiAdded
			file, err := w.free(in.Name)
			if err != nil {
				return git.Change{}, err
			}
			now.File = file
		}
		return git.Change{Message: verb + in.Name, Edits: []git.Edit{{Path: now.File, Data: []byte(text)}}}, nil
	})
}

// Rename moves a page to another name. It wants a grant for WriteWiki.
func (s *Service) Rename(ctx context.Context, g access.Grant, name, to string, base git.OID) (Page, error) {
	h := activity.Happening{Kind: activity.WikiRenamed, Subject: to, Detail: name}
	return s.change(ctx, g, name, base, "", &h, func(w *Wiki, now Page) (git.Change, error) {
		if now.Blob == "" {
			return git.Change{}, errNoPage
		}
		file, err := w.free(to)
		if err != nil {
			return git.Change{}, err
		}
		return git.Change{Message: "Rename " + name + " to " + to, Edits: []git.Edit{{Path: file, From: now.File}}}, nil
	})
}

// Delete removes a page; its history stays. It wants a grant for WriteWiki.
func (s *Service) Delete(ctx context.Context, g access.Grant, name string, base git.OID) error {
	h := activity.Happening{Kind: activity.WikiDeleted, Subject: name}
	_, err := s.change(ctx, g, name, base, "", &h, func(_ *Wiki, now Page) (git.Change, error) {
		if now.Blob == "" {
			return git.Change{}, errNoPage
		}
		return git.Change{Message: "Delete " + name, Edits: []git.Edit{{Path: now.File, Remove: true}}}, nil
	})
	return err
}

// free gives the file for a new page of a name, which no other may have.
func (w *Wiki) free(name string) (string, error) {
	file, err := fileOf(name)
	if err != nil {
		return "", err
	}
	for _, other := range w.files {
		switch page, _ := pageOf(other); {
		case strings.EqualFold(other, file), strings.EqualFold(page, name):
			return "", errs.Conflict("name", "There is a page of that name already.")
		case strings.HasPrefix(strings.ToLower(other), strings.ToLower(file)+"/"), strings.HasPrefix(strings.ToLower(file), strings.ToLower(other)+"/"):
			return "", errs.Conflict("name", "A page and a folder can't have the same name.")
		}
	}
	return file, nil
}

// change makes a commit that does something to one page, if the page is still
// what it was, and tells of it by h. Others may write other pages meanwhile: then
// it is tried again.
func (s *Service) change(ctx context.Context, g access.Grant, name string, base git.OID, message string, h *activity.Happening, how func(w *Wiki, now Page) (git.Change, error)) (Page, error) {
	if err := g.Require(access.WriteWiki); err != nil {
		return Page{}, err
	}
	message = strings.TrimSpace(message)
	if utf8.RuneCountInString(message) > maxMessage || strings.ContainsFunc(message, unicode.IsControl) {
		return Page{}, errs.Invalid("message", "Say it in one line of at most %d characters.", maxMessage)
	}
	author, err := s.author(ctx, g)
	if err != nil {
		return Page{}, err
	}
	for range tries {
		w, err := s.Open(ctx, g)
		if err != nil {
			return Page{}, err
		}
		if err := transport.HasRoom(w.git, s.MaxSize); err != nil {
			return Page{}, err
		}
		now, err := w.exactly(ctx, name)
		if err != nil {
			return Page{}, err
		}
		if now.Blob != base {
			return Page{}, &Conflict{Theirs: now}
		}
		c, err := how(w, now)
		if err != nil {
			return Page{}, err
		}
		c.Branch, c.Parent, c.Author = w.branch, w.Head, author
		if message != "" {
			c.Message = message
		}
		made, err := w.git.CommitChange(ctx, c)
		if errors.Is(err, git.ErrMoved) {
			continue
		}
		if err != nil {
			return Page{}, fmt.Errorf("writing a wiki: %w", err)
		}
		if err := s.note(ctx, g, *h); err != nil {
			return Page{}, err
		}
		if c.Edits[0].Remove {
			return Page{}, nil
		}
		return w.read(ctx, made, c.Edits[0].Path)
	}
	return Page{}, errs.Conflict("", "The wiki is being written by many at once. Your text is below: save it once more.")
}

// note tells of what was done to the grant's wiki.
func (s *Service) note(ctx context.Context, g access.Grant, h activity.Happening) error {
	return s.DB.InTx(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		if err := s.touch(ctx, tx, g); err != nil {
			return err
		}
		return s.Events.Announce(ctx, tx, g, h)
	})
}

// exactly gives the page of exactly that name; without a Blob where there is none.
func (w *Wiki) exactly(ctx context.Context, name string) (Page, error) {
	if page, err := w.Page(ctx, name); err != nil || page.Name == name {
		return page, err
	}
	return Page{Name: name}, nil
}

// author is the person of the grant as a commit names them.
func (s *Service) author(ctx context.Context, g access.Grant) (git.Signature, error) {
	made, err := db.One[struct{ Name, Username, Email string }](ctx, s.DB, `SELECT name, username, email FROM code_user WHERE id = $1`, g.Actor().User)
	if errs.Is(err, errs.KindNotFound) { // a machine's credential
		return git.Signature{Name: "Access token", When: s.Clock()}, nil
	}
	if err != nil {
		return git.Signature{}, fmt.Errorf("reading who writes: %w", err)
	}
	if made.Name == "" {
		made.Name = made.Username
	}
	return git.Signature{Name: made.Name, Email: made.Email, When: s.Clock()}, nil
}
