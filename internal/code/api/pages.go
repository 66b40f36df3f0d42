package api

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
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

// key gives the key of the last one of the page before; empty: there is none.
// What git names needn't be text.
func (p Paged) key() (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(p.Page)
	if err != nil {
		return "", errNoPage()
	}
	return string(key), nil
}

// after is key for what is text.
func (p Paged) after() (string, error) {
	key, err := p.key()
	if err == nil && !request.Clean(key) {
		err = errNoPage()
	}
	return key, err
}

func errNoPage() error {
	return errs.Invalid("page", "That page isn't one; follow the address in next.")
}

// next is the query for the page after the key of the last one.
func (p Paged) next(last string) url.Values {
	return url.Values{"pagelen": {strconv.Itoa(p.PageLen)}, "page": {base64.RawURLEncoding.EncodeToString([]byte(last))}}
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
		maps.Copy(query, p.next(key(found[len(found)-1])))
		page.Next = at + "?" + query.Encode()
	}
	for _, f := range found {
		page.Values = append(page.Values, show(f))
	}
	return &output[Page[T]]{page}
}

// numbered makes the page that is asked for of what there is in all, each known
// by its number, the lowest first.
func numbered[T any](p Paged, at string, all []T, number func(T) int64) (*output[Page[T]], error) {
	key, err := p.after()
	last := int64(0)
	if err == nil && key != "" {
		if last, err = strconv.ParseInt(key, 10, 64); err != nil {
			err = errNoPage()
		}
	}
	if err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(all, func(one T) bool { return number(one) <= last })
	return pageOf(p, at, rest, func(one T) string { return strconv.FormatInt(number(one), 10) }, func(one T) T { return one }), nil
}
