// Package user is the people of Code: their profiles, their sessions in a
// browser, the SSH keys of people and of repositories, and their second step.
// It turns a session's cookie or a key into the access.Actor that the gate
// judges.
//
// It owns the tables code_user, code_session and ssh_key, and the realm "code"
// of package factor. It knows neither workspaces nor content, and it
// doesn't sign people in: a verified ID token does (Identity).
//
// What always holds:
//   - A profile belongs to one issuer and subject, and so does its session.
//   - A session's token is 256 random bits, kept as their hash, and new at every
//     sign-in and at every rise of evidence.
//   - Whoever takes the second step is known by the session alone.
//   - Adding a second step marks the session that did it; every other one
//     has to take the step before it can go on.
//   - Wrong codes count per user, whichever entrance they come by.
//   - A public key belongs to one user or to one repository, once in the whole
//     installation: so the key alone says who comes.
package user

import (
	"context"
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/clock"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/mail"
	"sallyport.dev/internal/throttle"
)

// Service keeps the profiles and everything that belongs to one. Run must run
// while it is used.
type Service struct {
	DB       *db.DB
	Clock    clock.Clock
	Audit    *audit.Log
	Factors  *factor.Service // of the realm factor.Code
	Throttle *throttle.Limiter
	Outbox   *mail.Outbox
	URL      string // Code's address, without a slash at the end, for links in mails

	seen seen
}

// User is a person's profile in Code.
type User struct {
	ID              string
	Issuer, Subject string // who the person is
	Username        string // chosen once
	Name            string
	Email           string // as the issuer says; may be empty
	EmailProven     bool   // the issuer says that the address was confirmed
	AccountOpens    bool   // chose "My account's MFA also opens Code"
	Suspended       bool   // by the operator: nothing opens to them
	Created         time.Time
}

// Identity is what a verified ID token says of the person. Its fields are
// those of login.Identity, so that one converts into the other.
type Identity struct {
	Issuer, Subject   string
	Email             string
	EmailVerified     bool
	Name              string
	PreferredUsername string
	ACR               string
	AMR               []string
	AuthTime          time.Time
	Session           string        // the issuer's name for its session; may be empty
	SessionEnds       time.Time     // when the issuer wants a session over; zero: it doesn't say
	SessionIdle       time.Duration // how long it may last without use; zero: it doesn't say
}

const maxName = 100 // characters

var (
	usernamePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,38}$`)
	uuidPattern     = regexp.MustCompile(`^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$`)
)

// reserved are usernames that stand for something else somewhere: so the user
// names by which a token comes over Basic authentication.
var reserved = []string{
	"x-token-auth", "x-bitbucket-api-token-auth", "x-access-token", "oauth2", "git", "root", "admin", "administrator",
	"operator", "system", "support", "security", "sallyport", "anonymous", "nobody", "ghost", "me", "self", "user", "users",
}

// Find gives the profile of an issuer's subject. It is of kind NotFound at
// the person's first sign-in.
func (s *Service) Find(ctx context.Context, issuer, subject string) (User, error) {
	u, err := s.bySubject(ctx, s.DB, issuer, subject)
	if errs.Is(err, errs.KindNotFound) {
		return User{}, errs.NotFound("You have no profile in Code yet.")
	}
	if err != nil {
		return User{}, fmt.Errorf("reading a profile: %w", err)
	}
	return u, nil
}

// Profile gives the actor's own profile. It needs access.ReadSelf.
func (s *Service) Profile(ctx context.Context, g access.Grant) (User, error) {
	if err := g.Require(access.ReadSelf); err != nil {
		return User{}, fmt.Errorf("reading one's own profile: %w", err)
	}
	return s.byID(ctx, s.DB, g.Actor().User)
}

// Create makes the profile of an identity that has none, under a username
// that stays. It is of kind Invalid or Conflict for the field "username", and
// Conflict without a field where another tab was faster.
func (s *Service) Create(ctx context.Context, id Identity, username string) (User, error) {
	if id.Issuer == "" || id.Subject == "" || len(id.Subject) > 255 {
		return User{}, fmt.Errorf("creating a profile: the identity is empty, or its subject is over 255 characters")
	}
	username = strings.ToLower(strings.TrimSpace(username))
	if err := checkUsername(username); err != nil {
		return User{}, err
	}
	u := User{ID: db.NewID(), Issuer: id.Issuer, Subject: id.Subject, Username: username, Created: s.Clock()}
	u.take(id)
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := s.insertUser(ctx, tx, u); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Actor: u.ID, Action: "user.created", Target: u.ID,
			Detail: map[string]any{"username": u.Username, "issuer": u.Issuer, "subject": u.Subject},
		})
	})
	switch {
	case db.IsDuplicate(err):
		if _, err := s.Find(ctx, id.Issuer, id.Subject); err == nil {
			return User{}, errs.Conflict("", "You have chosen a username already, perhaps in another tab.")
		}
		return User{}, errs.Conflict("username", "This username is taken. Choose another.")
	case err != nil:
		return User{}, fmt.Errorf("creating a profile: %w", err)
	}
	return u, nil
}

// Suggest gives a username to offer to an identity; empty where nothing fits.
// It may be taken.
func Suggest(id Identity) string {
	local, _, _ := strings.Cut(id.Email, "@")
	for _, from := range []string{id.PreferredUsername, local, id.Name} {
		name := strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
				return r
			case r == '.' || r == ' ':
				return '-'
			}
			return -1
		}, strings.ToLower(from))
		name = strings.TrimLeft(name, "-_")
		name = strings.TrimRight(name[:min(len(name), 39)], "-_")
		if checkUsername(name) == nil {
			return name
		}
	}
	return ""
}

func checkUsername(username string) error {
	switch {
	case !usernamePattern.MatchString(username):
		return errs.Invalid("username", "Use 2 to 39 small letters, digits, hyphens and underscores, beginning with a letter or digit.")
	case uuidPattern.MatchString(username), slices.Contains(reserved, username):
		return errs.Invalid("username", "This username is reserved. Choose another.")
	}
	return nil
}

// take copies into the profile what the issuer says of the person now.
func (u *User) take(id Identity) {
	u.Name, u.Email, u.EmailProven = clean(id.Name, maxName), "", false
	if u.Name == "" {
		u.Name = u.Username
	}
	// Notices go there, so what can't be an address isn't kept as one.
	if parsed, err := netmail.ParseAddress(id.Email); err == nil && parsed.Address == id.Email && len(id.Email) <= 254 && utf8.ValidString(id.Email) {
		u.Email, u.EmailProven = id.Email, id.EmailVerified
	}
}

// clean makes one line of at most n characters out of what came from outside.
func clean(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > n {
		text = string(runes[:n])
	}
	return strings.TrimSpace(text)
}
