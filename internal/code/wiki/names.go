package wiki

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/errs"
)

// Home is the page that a wiki begins with.
const Home = "Home"

const (
	maxName    = 200 // bytes of a page's name
	maxSegment = 100
	extension  = ".md"
)

// forbidden are characters that some file system takes for something else.
const forbidden = `\:*?"<>|`

// fileOf gives the file in which the page of a name is kept, or says what is
// wrong with the name. Slashes part folders.
func fileOf(name string) (string, error) {
	switch {
	case name == "":
		return "", errs.Invalid("name", "Give the page a name.")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
		return "", errs.Invalid("name", "Use letters, digits, spaces and signs that can be seen.")
	case len(name) > maxName:
		return "", errs.Invalid("name", "The name is too long.")
	case strings.ContainsAny(name, forbidden):
		return "", errs.Invalid("name", "A name can't hold any of %s, because not every computer can keep a file of such a name.", strings.Join(strings.Split(forbidden, ""), " "))
	}
	for segment := range strings.SplitSeq(name, "/") {
		switch {
		case segment == "":
			return "", errs.Invalid("name", "Put a name on each side of a slash.")
		case len(segment) > maxSegment:
			return "", errs.Invalid("name", "The name is too long.")
		case strings.HasPrefix(segment, "."), strings.HasPrefix(segment, "_"), strings.HasPrefix(segment, "-"):
			return "", errs.Invalid("name", "A name can't begin with a dot, a dash or an underscore.")
		case strings.HasSuffix(segment, "."), strings.TrimSpace(segment) != segment:
			return "", errs.Invalid("name", "A name can't end with a dot or a space.")
		case strings.EqualFold(segment, "git~1"):
			return "", errs.Invalid("name", "That name is git's own.")
		}
	}
	return name + extension, nil
}

// unprintable reports whether a character can't be seen, or changes how others
// are: controls, and marks of direction and joining.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError || unicode.IsSpace(r) && r != ' '
}

// CleanName gives the name that was meant by what somebody typed.
func CleanName(typed string) string {
	name := strings.Trim(strings.Join(strings.Fields(strings.ToValidUTF8(typed, "")), " "), "/ ")
	return strings.TrimSuffix(name, extension)
}

// pageOf gives the name of the page that a file is, if it is one: Markdown, and
// not hidden. A page that was pushed may have a name that none made here could.
func pageOf(file string) (string, bool) {
	end := path.Ext(file)
	if lower := strings.ToLower(end); lower != ".md" && lower != ".markdown" {
		return "", false
	}
	name := strings.TrimSuffix(file, end)
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment[0] == '.' || segment[0] == '_' {
			return "", false
		}
	}
	return name, utf8.ValidString(name)
}

// folded is a name as it is compared where the exact one isn't there: without
// regard to case, and to spaces or dashes between words.
func folded(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "-", "_", "-").Replace(name))
}
