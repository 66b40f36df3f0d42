package web

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"

	"sallyport.dev/internal/errs"
)

const (
	maxUploadFields = 2 << 20   // bytes of the fields of a form with files
	maxUploadParts  = 200       // fields and files of one form
	maxDrained      = 128 << 20 // bytes that are read away so that the sender hears the answer
)

// upload is a form with files, read as it comes: what is typed up to the first
// file before the gate is asked, so that a challenge keeps it; the rest by the
// form's handler alone.
type upload struct {
	body  *io.LimitedReader
	parts *multipart.Reader
	first *multipart.Part // that was reached, and nobody has taken yet
	count int
}

// openUpload reads a form with files up to the first file, into PostForm. It
// gives nil where the request is none.
func openUpload(r *http.Request, body io.Reader) (*upload, error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return nil, nil
	}
	u := &upload{body: &io.LimitedReader{R: body, N: maxUploadFields}}
	u.parts = multipart.NewReader(u.body, parameters["boundary"])
	r.PostForm = url.Values{}
	u.first, err = u.next(r.PostForm)
	if errors.Is(err, io.EOF) {
		return u, nil
	}
	return u, err
}

// next gives the next file, and notes the fields before it. At the end it is io.EOF.
func (u *upload) next(into url.Values) (*multipart.Part, error) {
	if part := u.first; part != nil {
		u.first = nil
		return part, nil
	}
	for {
		part, err := u.parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if u.count++; err == nil && u.count > maxUploadParts {
			return nil, errs.Invalid("", "The form has too many parts.")
		}
		if err == nil && part.FileName() != "" {
			return part, nil
		}
		var value []byte
		if err == nil {
			value, err = io.ReadAll(part)
		}
		if err != nil && u.body.N <= 0 {
			return nil, errs.Invalid("", "The form is too large: its text and files are more than is allowed at once.")
		}
		if err != nil {
			return nil, errors.Join(errs.Invalid("", "The form was cut short. Send it again."), err)
		}
		into.Add(part.FormName(), string(value))
	}
}

// allow lets that many bytes of files come.
func (u *upload) allow(bytes int64) { u.body.N += bytes }

// drain reads away what nobody will look at: a browser listens only once it has
// sent everything.
func (v *visitor) drain() {
	if v.upload != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(v.upload.body.R, maxDrained))
	}
}
