package markup

import (
	"bytes"
	"net/url"
	"path"
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Links says where relative addresses in a text lead.
type Links struct {
	File string // address of the tree that holds the text, such as /acme/site/src/main
	Raw  string // the same for the bytes of a file, which images need
	Dir  string // the folder in that tree in which the text lies; empty for the top
	Wiki bool   // [[Page]] is a link too

	// Ref gives the address of what a word refers to: #12, @alice, or the
	// beginning of a commit's id; empty where it refers to nothing. nil: no word
	// of the text is asked for.
	Ref func(word string) string
}

// idPrefix stands before every id that comes out of a text.
const idPrefix = "md-"

// rewrite gives the document with its ids prefixed, its relative addresses
// leading into the repository, and images from elsewhere made links, so that
// reading a page tells no stranger who reads it.
func (l Links) rewrite(document []byte) []byte {
	var out bytes.Buffer
	tokens := html.NewTokenizer(bytes.NewReader(document))
	anchors, verbatim := 0, 0
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return out.Bytes()
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			if token.DataAtom == atom.A && token.Type == html.StartTagToken {
				anchors++
			}
			if isVerbatim(token.DataAtom) && token.Type == html.StartTagToken {
				verbatim++
			}
			out.WriteString(l.tag(token, anchors > 0))
		case html.EndTagToken:
			token := tokens.Token()
			if token.DataAtom == atom.A && anchors > 0 {
				anchors--
			}
			if isVerbatim(token.DataAtom) && verbatim > 0 {
				verbatim--
			}
			out.WriteString(token.String())
		case html.TextToken:
			text := tokens.Raw()
			if l.Ref != nil && anchors == 0 && verbatim == 0 {
				text = reference.ReplaceAllFunc(text, l.refer)
			}
			out.Write(text)
		default:
			out.Write(tokens.Raw())
		}
	}
}

// reference is a word that may refer to something, after what divides words.
var reference = regexp.MustCompile(`(?:^|[\s(\[{,;:.!?"'>])(?:#[0-9]{1,9}|@[A-Za-z0-9][A-Za-z0-9_-]{1,38}|[0-9a-f]{8,40})\b`)

// separators are the last of what divides such a word from the one before.
const separators = " \t\r\n\f([{,;:.!?\"'>"

func isVerbatim(a atom.Atom) bool {
	return a == atom.Code || a == atom.Pre || a == atom.Kbd || a == atom.Samp
}

// refer makes a link of a word that refers to something. The word is letters,
// digits and - _ # @ alone, so it needs no escaping.
func (l Links) refer(found []byte) []byte {
	at := bytes.LastIndexAny(found, separators) + 1
	word := string(found[at:])
	to := l.Ref(word)
	if to == "" {
		return found
	}
	return []byte(string(found[:at]) + `<a href="` + html.EscapeString(to) + `">` + word + `</a>`)
}

// tag rewrites one opening tag.
func (l Links) tag(token html.Token, inLink bool) string {
	kept := token.Attr[:0]
	for _, attribute := range token.Attr {
		ok := true
		switch attribute.Key {
		case "id":
			attribute.Val = idPrefix + attribute.Val
		case "href":
			attribute.Val, ok = l.address(l.File, attribute.Val)
		case "src":
			if foreign(attribute.Val) {
				return l.imageAsLink(token, attribute.Val, inLink)
			}
			attribute.Val, ok = l.address(l.Raw, attribute.Val)
			ok = ok && !strings.HasPrefix(attribute.Val, "#")
		}
		if ok {
			kept = append(kept, attribute)
		}
	}
	token.Attr = kept
	return token.String()
}

// foreign reports whether an address leads to another site.
func foreign(address string) bool {
	u, err := url.Parse(strings.TrimSpace(address))
	return err == nil && (u.Scheme != "" || u.Host != "")
}

// imageAsLink stands for an image of another site.
func (l Links) imageAsLink(token html.Token, from string, inLink bool) string {
	if token.DataAtom != atom.Img {
		return ""
	}
	text := "image"
	for _, attribute := range token.Attr {
		if attribute.Key == "alt" && attribute.Val != "" {
			text = attribute.Val
		}
	}
	text = html.EscapeString(text)
	address, ok := l.address(l.Raw, from)
	if inLink || !ok {
		return text
	}
	return `<a href="` + html.EscapeString(address) + `">` + text + `</a>`
}

// address leads a relative address to below base. Those that lead to
// another site stay as they are; the sanitiser decides on their scheme.
func (l Links) address(base, to string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(to))
	if err != nil {
		return "", false
	}
	switch {
	case u.Scheme == "http" || u.Scheme == "https":
		return u.String(), u.Host != ""
	case u.Scheme != "":
		return u.String(), true
	case u.Host != "":
		u.Scheme = "https"
		return u.String(), true
	}
	fragment := ""
	if u.Fragment != "" {
		fragment = "#" + (&url.URL{Path: idPrefix + u.Fragment}).EscapedPath()
	}
	if u.Path == "" {
		return fragment, fragment != ""
	}
	target := u.Path
	if !strings.HasPrefix(target, "/") {
		target = path.Join("/", l.Dir, target)
	}
	target = path.Clean("/" + target) // never above the repository
	return base + (&url.URL{Path: target}).EscapedPath() + fragment, true
}
