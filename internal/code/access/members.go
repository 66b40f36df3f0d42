package access

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"sallyport.dev/internal/db"
)

// MemberFacts is a member with the factors that are on and what the browser
// that they used last has proven.
type MemberFacts struct {
	User, Username, Name, Email string
	Role                        Role
	Since                       time.Time
	Factors                     Factors
	AccountOpens                bool
	Step                        Step
	ACR, AMR                    string
	AuthTime                    time.Time
	Address                     string // empty: no browser is signed in
}

// Members reads the members of a workspace who aren't suspended, by username
// from after on, at most limit of them.
func Members(ctx context.Context, q db.Q, workspace, after string, limit int) ([]MemberFacts, error) {
	return db.All[MemberFacts](ctx, q, `
		SELECT u.id, u.username, u.name, u.email, m.role, m.created,
		  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = u.id AND kind = 'totp' AND confirmed > 0),
		  EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = u.id AND kind = 'webauthn' AND confirmed > 0),
		  u.account_opens, COALESCE(s.step_method, ''), COALESCE(s.step_at, 0),
		  COALESCE(s.account_acr, ''), COALESCE(s.account_amr, ''), COALESCE(s.account_time, 0), COALESCE(s.address, '')
		FROM member m JOIN code_user u ON u.id = m.user_id
		LEFT JOIN code_session s ON s.id = (SELECT l.id FROM code_session l WHERE l.user_id = u.id ORDER BY l.seen DESC, l.id DESC LIMIT 1)
		WHERE m.workspace = $1 AND NOT u.suspended AND u.username > $2 ORDER BY u.username LIMIT $3`, workspace, after, limit)
}

// Standing tells whether the member has what two-step verification under the
// policy asks for: Allow (ready), Enrol or Strengthen. Whether it is required
// yet is left aside.
func (m *MemberFacts) Standing(p Policy) Outcome {
	p.RequireTwoStep = true
	switch {
	case p.MetBy(Evidence{Factors: m.Factors, Account: m.account()}):
		return Allow
	case m.Factors.Enrolled():
		return Strengthen
	default:
		return Enrol
	}
}

func (m *MemberFacts) account() Account {
	return Account{ACR: m.ACR, AMR: strings.Fields(m.AMR), AuthTime: m.AuthTime}
}

// held is what that browser has proven.
func (m *MemberFacts) held() Evidence { return Evidence{Step: m.Step, Account: m.account()} }

// session is the member in a browser that has proven something. Where signing
// in would ask for a step whatever the policy, it counts as taken.
func (m *MemberFacts) session(held Evidence, now time.Time) Actor {
	a := Actor{Door: Web, Credential: Session, User: m.User, Address: addressOf(m.Address), Evidence: held}
	a.Factors, a.AccountOpens = m.Factors, m.AccountOpens
	if a.Step.Method == "" && !(a.AccountOpens && a.Account.MFA()) {
		switch {
		case m.Factors.WebAuthn:
			a.Step = Step{WebAuthn, now}
		case m.Factors.TOTP:
			a.Step = Step{TOTP, now}
		}
	}
	return a
}

func addressOf(text string) netip.Addr {
	address, _ := netip.ParseAddr(text) // what can't be read isn't known
	return address
}
