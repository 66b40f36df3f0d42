package web

import (
	"net/url"
	"strings"

	"sallyport.dev/internal/secret"
)

// maxReturn bounds a return path, in bytes.
const maxReturn = 2000

// returns signs and reads return paths: where a person goes on after signing
// in, verifying or enrolling. Only what we signed is followed, and even that
// only where it is a path on this site.
type returns struct{ box *secret.Box }

const returnPurpose = "return path"

// sign gives the value of a return parameter for a path; empty for a path that
// can't be returned to.
func (r returns) sign(path string) string {
	if !ownPath(path) {
		return ""
	}
	return r.box.Sign(returnPurpose, []byte(path)) + path
}

// read gives the path in a return parameter; "/" where it isn't ours.
func (r returns) read(value string) string {
	at := strings.IndexByte(value, '/')
	if at < 0 || !ownPath(value[at:]) || !r.box.Verify(returnPurpose, []byte(value[at:]), value[:at]) {
		return "/"
	}
	return value[at:]
}

// carry puts a signed return path into the query of target.
func (r returns) carry(target, path string) string {
	signed := r.sign(path)
	if signed == "" || path == "/" {
		return target
	}
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	return target + separator + "return=" + url.QueryEscape(signed)
}

// ownPath reports whether path is an absolute path on this site, in a form
// that no browser reads as another site's address.
func ownPath(path string) bool {
	if len(path) > maxReturn || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return false
	}
	for _, r := range path {
		if r < 0x20 || r == 0x7f || r == '\\' || r == '\uFFFD' {
			return false
		}
	}
	parsed, err := url.Parse(path)
	return err == nil && parsed.Scheme == "" && parsed.Host == "" && parsed.User == nil
}
