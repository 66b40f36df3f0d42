package api

import (
	"encoding/base64"
	"net/url"
	"strconv"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

// Page is one page of a list.
type Page[T any] struct {
	PageLen int    `json:"pagelen"`
	Values  []T    `json:"values"`
	Next    string `json:"next,omitempty" format:"uri" doc:"The next page; follow it as it is"`
}

// Paged says which page of a list is asked for. It is exported for huma, which
// describes no parameter of an embedded struct that isn't.
type Paged struct {
	PageLen int    `query:"pagelen" minimum:"1" maximum:"100" default:"10" doc:"How many a page has"`
	Page    string `query:"page" maxLength:"400" doc:"As in next; empty is the first page"`
}

// after gives the key of the last one of the page before; empty: there is none.
func (p Paged) after() (string, error) {
	after, err := base64.RawURLEncoding.DecodeString(p.Page)
	if err != nil || !request.Clean(string(after)) {
		return "", errs.Invalid("page", "That page isn't one; follow the address in next.")
	}
	return string(after), nil
}

// limit is one more than is shown, which tells whether there is a next page.
func (p Paged) limit() int { return p.PageLen + 1 }

// pageOf makes the page that is at an address of up to limit things that were
// found behind the key that was asked for.
func pageOf[F, T any](p Paged, at string, found []F, key func(F) string, show func(F) T) *output[Page[T]] {
	return pageWith(p, at, url.Values{}, found, key, show)
}

// pageWith is pageOf for a list that was asked for with a query, which the next
// page's address has too.
func pageWith[F, T any](p Paged, at string, query url.Values, found []F, key func(F) string, show func(F) T) *output[Page[T]] {
	page := Page[T]{PageLen: p.PageLen, Values: []T{}}
	if len(found) > p.PageLen {
		found = found[:p.PageLen]
		query.Set("pagelen", strconv.Itoa(p.PageLen))
		query.Set("page", base64.RawURLEncoding.EncodeToString([]byte(key(found[len(found)-1]))))
		page.Next = at + "?" + query.Encode()
	}
	for _, f := range found {
		page.Values = append(page.Values, show(f))
	}
	return &output[Page[T]]{page}
}
