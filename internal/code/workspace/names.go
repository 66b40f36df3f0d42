package workspace

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/errs"
)

const maxName = 100 // characters

var slugPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}$`)

// reserved are the first segments of addresses that mean something else, now
// or likely one day.
var reserved = []string{
	// Code
	"account", "admin", "api", "dashboard", "git", "healthz", "invitations", "login", "logout", "readyz",
	"repositories", "snippets", "static", "workspace", "workspaces",
	// Account, where one listener serves both
	"apps", "authorize", "device", "end-session", "introspect", "keys", "manage-profile", "oauth", "revoke", "set-up",
	"setup", "signin", "signup", "userinfo",
	// kept free
	"about", "assets", "avatars", "debug", "docs", "download", "explore", "favicon", "groups", "help", "hooks",
	"integrations", "internal", "issues", "lfs", "metrics", "new", "notifications", "public", "robots", "sallyport",
	"scim", "search", "security", "settings", "site", "ssh", "status", "support", "user", "users", "webhooks", "well-known",
}

// checkNames makes an address and a name fit, or says what is wrong with each.
func checkNames(slug, name string) (string, string, error) {
	slug = strings.ToLower(strings.TrimSpace(slug))
	switch {
	case !slugPattern.MatchString(slug):
		return "", "", errs.Invalid("slug", "Use 2 to 62 small letters, digits and hyphens, beginning with a letter or digit.")
	case slices.Contains(reserved, slug):
		return "", "", errs.Invalid("slug", "This address is reserved. Choose another.")
	}
	name, err := checkName(name, "Give the workspace a name.")
	return slug, name, err
}

// checkName makes a name fit to be shown on one line; where there is none, the
// person is told so.
func checkName(name, missing string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", errs.Invalid("name", "%s", missing)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return "", errs.Invalid("name", "The name holds characters that can't be shown.")
	case utf8.RuneCountInString(name) > maxName:
		return "", errs.Invalid("name", "Use at most %d characters.", maxName)
	}
	return name, nil
}
