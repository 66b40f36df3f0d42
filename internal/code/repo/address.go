package repo

import (
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"sallyport.dev/internal/errs"
)

// importAddress gives an address as it is fetched from, if it lies below one of
// those that the operator allows: scheme and host the same, and the path within.
// It takes nothing that two programs could read in two ways.
func importAddress(text string, allowed []string) (string, error) {
	if len(allowed) == 0 {
		return "", errs.Invalid("", "Repositories are imported from files alone here.")
	}
	refused := errs.Invalid("address", "Repositories can be imported only from below %s.", strings.Join(allowed, ", "))
	at, ok := plainAddress(strings.TrimSpace(text))
	if !ok {
		return "", errs.Invalid("address", "Give an address such as https://git.example.com/team/project.git, without a name or password in it.")
	}
	for _, prefix := range allowed {
		below, ok := plainAddress(prefix)
		if !ok || at.Scheme != below.Scheme || at.User.String() != below.User.String() || at.Host != below.Host || !within(at.Path, below.Path) {
			continue
		}
		if at.Scheme != "file" {
			return at.String(), nil
		}
		// A link in the folder doesn't lead out of it.
		real, err := filepath.EvalSymlinks(at.Path)
		if err != nil {
			return "", errs.Invalid("address", "There is no such folder.")
		}
		if top, err := filepath.EvalSymlinks(below.Path); err == nil && within(real, top) {
			return "file://" + real, nil
		}
	}
	return "", refused
}

func within(inside, folder string) bool {
	folder = strings.TrimSuffix(folder, "/")
	return inside == folder || strings.HasPrefix(inside, folder+"/")
}

// loginName is somebody's name on another machine, without a password.
var loginName = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)

// plainAddress reads an address of one of the schemes that are imported from.
func plainAddress(text string) (*url.URL, bool) {
	at, err := url.Parse(text)
	if err != nil || !strings.Contains(text, "://") || strings.ContainsAny(text, "%\\?# ") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, false
	}
	at.Host = strings.ToLower(at.Host)
	at.Path = strings.TrimSuffix(at.Path, "/")
	switch {
	case at.Scheme == "ssh" && at.Hostname() != "" && loginName.MatchString(at.User.String()) && strings.Count(text, "@") == 1:
	case strings.Contains(text, "@"):
		return nil, false
	case at.Scheme == "file" && at.Host == "" && at.Path != "":
	case (at.Scheme == "https" || at.Scheme == "http") && at.Hostname() != "":
	default:
		return nil, false
	}
	return at, at.Path == "" || path.Clean(at.Path) == at.Path
}
