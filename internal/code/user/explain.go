package user

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Someone is a user as the operator asks for one, with the session that they
// used last.
type Someone struct {
	User    User
	Session access.Actor // at the web door; without a CredentialID where none is open
	Seen    time.Time    // when the session was last used
	From    string       // the address that it was opened from
}

// Newest gives the session that the actor used last, as the actor that it
// stands for at the web door; where none is open, one that has proven nothing.
// It needs access.ReadSelf.
func (s *Service) Newest(ctx context.Context, g access.Grant) (access.Actor, error) {
	if err := g.Require(access.ReadSelf); err != nil {
		return access.Actor{}, err
	}
	found, err := s.newest(ctx, g.Actor().User)
	return found.Session, err
}

// Someone finds a user by their username. It is the operator's, and of kind
// NotFound where there is none.
func (s *Service) Someone(ctx context.Context, username string) (Someone, error) {
	u, err := db.One[User](ctx, s.DB, `SELECT `+userColumns+` FROM code_user u WHERE u.username = $1`, username)
	if errs.Is(err, errs.KindNotFound) {
		return Someone{}, errs.NotFound("There is no user %q.", username)
	}
	if err != nil {
		return Someone{}, fmt.Errorf("finding a user: %w", err)
	}
	found, err := s.newest(ctx, u.ID)
	found.User = u
	return found, err
}

func (s *Service) newest(ctx context.Context, user string) (Someone, error) {
	rows, err := db.All[struct {
		ID       string
		Step     access.Step
		ACR, AMR string
		AuthTime time.Time
		Seen     time.Time
		From     string
	}](ctx, s.DB, `
		SELECT id, step_method, step_at, account_acr, account_amr, account_time, seen, address FROM code_session
		WHERE user_id = $1 AND `+liveNow+` ORDER BY seen DESC, created DESC LIMIT 1`,
		user, s.Clock())
	if err != nil {
		return Someone{}, fmt.Errorf("reading the last session: %w", err)
	}
	found := Someone{Session: access.Actor{Door: access.Web, Credential: access.Session, User: user}}
	for _, r := range rows {
		found.Session.CredentialID, found.Session.Step, found.Session.Account = r.ID, r.Step, accountOf(r.ACR, r.AMR, r.AuthTime)
		found.Seen, found.From = r.Seen, r.From
		found.Session.Address, _ = netip.ParseAddr(r.From) // what can't be one is none
	}
	return found, nil
}
