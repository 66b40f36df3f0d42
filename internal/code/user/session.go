package user

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
	"sallyport.dev/internal/secret"
	"sallyport.dev/internal/throttle"
)

// How long a session lasts: without use, and at most (OWASP ASVS 5.0 7.3). The
// issuer can have it end sooner, and never later.
const (
	sessionIdle = 7 * 24 * time.Hour
	sessionMost = 30 * 24 * time.Hour
)

// Session is what a browser keeps of its session.
type Session struct {
	Token   secret.String
	Expires time.Time // when it ends at the latest
}

// SessionInfo is where a session is opened from.
type SessionInfo struct {
	Address   netip.Addr
	UserAgent string
}

// Visit is where a second step comes from.
type Visit struct {
	Address netip.Addr
	Agent   string           // what the browser says of itself
	Browser throttle.Browser // what it remembers of earlier steps
}

// OpenSession signs in the person of a verified identity, and takes over what
// the issuer says of them now. It is of kind NotFound where they have no
// profile yet, and Denied where they are suspended. A session that the browser had before is the caller's to end.
func (s *Service) OpenSession(ctx context.Context, id Identity, info SessionInfo) (Session, error) {
	token, hash := secret.Token("")
	now := s.Clock()
	expires, idle := id.lasts(now)
	if !expires.After(now) {
		return Session{}, errs.Unauthenticated("Your session at your account is over. Sign in again.")
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		u, err := s.bySubject(ctx, tx, id.Issuer, id.Subject)
		if errs.Is(err, errs.KindNotFound) {
			return errs.NotFound("You have no profile in Code yet.")
		}
		if err != nil {
			return err
		}
		if u.Suspended {
			return errs.Denied("Your profile is suspended. Ask whoever runs this site.")
		}
		before := u
		if u.take(id); u != before {
			if err := s.updateUser(ctx, tx, u); err != nil {
				return err
			}
			if err := s.noteChanged(ctx, tx, before, u, info.Address); err != nil {
				return err
			}
		}
		session := sessionRow{
			ID: db.NewID(), Hash: hash, User: u.ID, ACR: clean(id.ACR, 100), AMR: joinAMR(id.AMR), AuthTime: id.AuthTime,
			Address: request.AddressText(info.Address), Agent: clean(info.UserAgent, 200), Created: now, AccountSession: clean(id.Session, 255),
			Expires: expires, Idle: idle,
		}
		if err := s.insertSession(ctx, tx, session); err != nil {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Actor: u.ID, Credential: string(access.Session), Address: session.Address,
			Action: "session.opened", Target: session.ID,
			Detail: map[string]any{"acr": session.ACR, "amr": session.AMR, "auth_time": session.AuthTime},
		})
	})
	if err != nil {
		return Session{}, fmt.Errorf("opening a session: %w", err)
	}
	return Session{Token: token, Expires: expires}, nil
}

// lasts says until when a session may last that the identity opens now, and
// how long without use.
func (id Identity) lasts(now time.Time) (expires time.Time, idle time.Duration) {
	expires, idle = now.Add(sessionMost), sessionIdle
	if !id.SessionEnds.IsZero() && id.SessionEnds.Before(expires) {
		expires = id.SessionEnds
	}
	if id.SessionIdle > 0 {
		idle = min(idle, id.SessionIdle)
	}
	return expires, idle
}

// noteChanged adds to the audit log what the issuer says otherwise than before.
func (s *Service) noteChanged(ctx context.Context, tx *db.Tx, before, u User, from netip.Addr) error {
	told := func(u User) map[string]any {
		return map[string]any{"name": u.Name, "email": u.Email, "email_proven": u.EmailProven}
	}
	return s.Audit.Append(ctx, tx, audit.Entry{
		Realm: "code", Actor: byIssuer, Address: request.AddressText(from), Action: "user.changed", Target: u.ID,
		Detail: map[string]any{"from": told(before), "to": told(u)},
	})
}

// FromSession tells who a session's token stands for; the caller sets the
// actor's Door. It is of kind Unauthenticated where the session is unknown or
// over. Any other error means that nobody knows, and must not pass for nobody.
func (s *Service) FromSession(ctx context.Context, token secret.String, address netip.Addr) (access.Actor, User, error) {
	live, err := s.live(ctx, s.DB, token)
	if err != nil {
		return access.Actor{}, User{}, err
	}
	if now := s.Clock(); now.Sub(live.Seen) >= seenEvery {
		s.seen.session(live.ID, now)
	}
	return access.Actor{
		Credential:   access.Session,
		CredentialID: live.ID,
		User:         live.User.ID,
		Address:      address,
		Evidence: access.Evidence{
			Factors:      live.Factors,
			Step:         access.Step{Method: live.Method, At: live.StepAt},
			Account:      accountOf(live.ACR, live.AMR, live.AuthTime),
			AccountOpens: live.User.AccountOpens,
		},
	}, live.User, nil
}

// EndSession signs a browser out. A token that stands for no session is fine.
func (s *Service) EndSession(ctx context.Context, token secret.String, from netip.Addr) error {
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		ended, err := db.All[struct{ ID, User string }](ctx, tx,
			`DELETE FROM code_session WHERE hash = $1 RETURNING id, user_id`, secret.Hash(token.Reveal()))
		if err != nil || len(ended) == 0 {
			return err
		}
		return s.Audit.Append(ctx, tx, audit.Entry{
			Realm: "code", Actor: ended[0].User, Credential: string(access.Session), Address: request.AddressText(from),
			Action: "session.closed", Target: ended[0].ID,
		})
	})
	if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

// EndOtherSessions signs the person out everywhere but here. It needs
// access.EndSessions.
func (s *Service) EndOtherSessions(ctx context.Context, g access.Grant) error {
	if err := g.Require(access.EndSessions); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, func(tx *db.Tx) error {
		ended, err := s.deleteOtherSessions(ctx, tx, g.Actor().User, g.Actor().CredentialID)
		if err != nil || ended == 0 {
			return err
		}
		return s.note(ctx, tx, g, "session.others_ended", g.Actor().User, map[string]any{"ended": ended})
	})
	if err != nil {
		return fmt.Errorf("ending the other sessions: %w", err)
	}
	return nil
}

// live finds the session of a token, where it isn't over.
func (s *Service) live(ctx context.Context, q db.Q, token secret.String) (liveSession, error) {
	live, err := s.liveSession(ctx, q, secret.Hash(token.Reveal()), s.Clock())
	if errs.Is(err, errs.KindNotFound) {
		return liveSession{}, errSignedOut()
	}
	if err != nil {
		return liveSession{}, fmt.Errorf("reading a session: %w", err)
	}
	return live, nil
}

// accountOf gives what a session keeps of the account's sign-in.
func accountOf(acr, amr string, at time.Time) access.Account {
	return access.Account{ACR: acr, AMR: strings.Fields(amr), AuthTime: at}
}

func errSignedOut() error {
	return errs.Unauthenticated("You are signed out. Sign in again.")
}

// joinAMR keeps the methods that the issuer names, divided by spaces.
func joinAMR(methods []string) string {
	return clean(strings.Join(methods, " "), 200)
}
