package web

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/issue"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
)

// exportTracker sends the whole tracker as Bitbucket's zip.
func (s *Site) exportTracker(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	out := &archive{ResponseWriter: w, name: g.Workspace().Slug + "-" + g.Repository().Slug + "-issues.zip", format: git.Zip}
	if r.Method == http.MethodHead {
		_, err := out.Write(nil)
		return err
	}
	if err := s.Issues.Export(r.Context(), g, out); err != nil && !out.began {
		return err
	} else if err != nil {
		panic(http.ErrAbortHandler) // what was sent isn't whole: the reader must notice
	}
	return nil
}

// importTracker takes such a zip. To replace what there is, the repository's
// name is typed.
func (s *Site) importTracker(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	u := visitorOf(r).upload
	if u == nil {
		return errs.Invalid("archive", "Choose a file.")
	}
	typed := strings.TrimSpace(r.PostForm.Get("replace"))
	if typed != "" && typed != g.Repository().Slug {
		return errs.Invalid("replace", "Type %s to replace all issues, or leave it empty.", g.Repository().Slug)
	}
	u.allow(issue.MaxArchive + 1)
	file, err := u.next(r.PostForm)
	if errors.Is(err, io.EOF) || err == nil && file.FormName() != "archive" {
		return errs.Invalid("archive", "Choose a file.")
	}
	if err != nil {
		return err
	}
	if _, err := s.Issues.Import(r.Context(), g, file, typed != ""); err != nil {
		return err
	}
	return s.done(w, r, issuesPath(g)+"?state=all", "imported")
}
