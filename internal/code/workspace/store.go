package workspace

import (
	"context"
	"fmt"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Workspaces.

// policyRow is a policy as its columns and the audit log have it.
type policyRow struct {
	RequireTwoStep    bool          `json:"require_two_step"`
	RequireFrom       time.Time     `json:"require_from,omitzero"`
	AcceptAccount     bool          `json:"accept_account"`
	PhishingResistant bool          `json:"phishing_resistant"`
	AskAgain          time.Duration `json:"ask_again"`
	AskOverSSH        bool          `json:"ask_over_ssh"`
	RefuseMachines    bool          `json:"refuse_machines"`
	Networks          string        `json:"networks"`
	NoPublic          bool          `json:"no_public"`
}

func rowOf(p access.Policy) policyRow {
	return policyRow{
		p.RequireTwoStep, p.RequireFrom, p.AcceptAccountMFA, p.PhishingResistant, p.AskAgain,
		p.AskOverSSH, p.RefuseMachines, access.FormatNetworks(p.Networks), p.NoPublic,
	}
}

func (r policyRow) policy() (access.Policy, error) {
	networks, err := access.ParseNetworks(r.Networks)
	return access.Policy{
		RequireTwoStep: r.RequireTwoStep, RequireFrom: r.RequireFrom, AcceptAccountMFA: r.AcceptAccount,
		PhishingResistant: r.PhishingResistant, AskAgain: r.AskAgain, AskOverSSH: r.AskOverSSH,
		RefuseMachines: r.RefuseMachines, Networks: networks, NoPublic: r.NoPublic,
	}, err
}

func (s *Service) insert(ctx context.Context, tx *db.Tx, w Workspace) error {
	_, err := db.Exec(ctx, tx, `
		INSERT INTO workspace (id, slug, name, plan, created, ask_again) VALUES ($1, $2, $3, $4, $5, $6)`,
		w.ID, w.Slug, w.Name, w.Plan, w.Created, w.Policy.AskAgain)
	return err
}

func (s *Service) byID(ctx context.Context, q db.Q, id string) (Workspace, error) {
	r, err := db.One[struct {
		ID, Slug, Name string
		Plan           Plan
		Created        time.Time
		Policy         policyRow
		Defaults       Defaults
	}](ctx, q, `
		SELECT id, slug, name, plan, created, require_two_step, require_from, accept_account, phishing_resistant, ask_again,
		  ask_over_ssh, refuse_machines, networks, no_public, default_access, members_create
		FROM workspace WHERE id = $1`, id)
	if err != nil {
		return Workspace{}, err
	}
	policy, err := r.Policy.policy()
	if err != nil {
		return Workspace{}, fmt.Errorf("the policy of workspace %s: %v", id, err)
	}
	return Workspace{ID: r.ID, Slug: r.Slug, Name: r.Name, Plan: r.Plan, Created: r.Created, Policy: policy, Defaults: r.Defaults}, nil
}

func (s *Service) updatePolicy(ctx context.Context, tx *db.Tx, id string, r policyRow) error {
	_, err := db.Exec(ctx, tx, `
		UPDATE workspace SET require_two_step = $2, require_from = $3, accept_account = $4, phishing_resistant = $5,
		  ask_again = $6, ask_over_ssh = $7, refuse_machines = $8, networks = $9, no_public = $10,
		  required_at = CASE WHEN require_two_step THEN required_at ELSE $11 END WHERE id = $1`,
		id, r.RequireTwoStep, r.RequireFrom, r.AcceptAccount, r.PhishingResistant,
		r.AskAgain, r.AskOverSSH, r.RefuseMachines, r.Networks, r.NoPublic, s.Clock())
	return err
}

func (s *Service) updateName(ctx context.Context, tx *db.Tx, id, name string) error {
	_, err := db.Exec(ctx, tx, `UPDATE workspace SET name = $2 WHERE id = $1`, id, name)
	return err
}

func (s *Service) updateDefaults(ctx context.Context, tx *db.Tx, id string, d Defaults) error {
	_, err := db.Exec(ctx, tx, `UPDATE workspace SET default_access = $2, members_create = $3 WHERE id = $1`, id, d.Access, d.Creates)
	return err
}

// setPlan gives the workspace's id and the plan that it had before.
func (s *Service) setPlan(ctx context.Context, tx *db.Tx, slug string, plan Plan) (id string, from Plan, err error) {
	r, err := db.One[struct {
		ID   string
		Plan Plan
	}](ctx, tx, `SELECT id, plan FROM workspace WHERE slug = $1`, slug)
	if err != nil {
		return "", "", err
	}
	_, err = db.Exec(ctx, tx, `UPDATE workspace SET plan = $2 WHERE id = $1`, r.ID, plan)
	return r.ID, r.Plan, err
}

// Members.

func (s *Service) memberships(ctx context.Context, user string) ([]Membership, error) {
	return db.All[Membership](ctx, s.DB, membershipSQL+` ORDER BY w.name, w.slug`, user)
}

func (s *Service) membershipsFrom(ctx context.Context, user, after string, limit int) ([]Membership, error) {
	return db.All[Membership](ctx, s.DB, membershipSQL+` AND w.slug > $2 ORDER BY w.slug LIMIT $3`, user, after, limit)
}

const membershipSQL = `
	SELECT w.id, w.slug, w.name, m.role, m.created, w.require_two_step, w.require_from
	FROM member m JOIN workspace w ON w.id = m.workspace WHERE m.user_id = $1`

func (s *Service) members(ctx context.Context, workspace string) ([]Member, error) {
	return db.All[Member](ctx, s.DB, `
		SELECT u.id, u.username, u.name, u.email, m.role, m.created
		FROM member m JOIN code_user u ON u.id = m.user_id WHERE m.workspace = $1 ORDER BY m.role DESC, u.username`, workspace)
}

// memberColumns are those of a Member whose address isn't told.
const memberColumns = `u.id, u.username, u.name, '', m.role, m.created FROM member m JOIN code_user u ON u.id = m.user_id`

func (s *Service) membersFrom(ctx context.Context, workspace, after string, limit int) ([]Member, error) {
	return db.All[Member](ctx, s.DB, `
		SELECT `+memberColumns+` WHERE m.workspace = $1 AND u.username > $2 ORDER BY u.username LIMIT $3`, workspace, after, limit)
}

func (s *Service) member(ctx context.Context, workspace, condition, argument string) (Member, error) {
	return db.One[Member](ctx, s.DB, `SELECT `+memberColumns+` WHERE m.workspace = $1 AND `+condition, workspace, argument)
}

func (s *Service) insertMember(ctx context.Context, tx *db.Tx, workspace, user string, role access.Role, now time.Time) error {
	_, err := db.Exec(ctx, tx, `INSERT INTO member (workspace, user_id, role, created) VALUES ($1, $2, $3, $4)`, workspace, user, role, now)
	return err
}

func (s *Service) roleOf(ctx context.Context, tx *db.Tx, workspace, user string) (access.Role, error) {
	role, err := db.One[string](ctx, tx, `SELECT role FROM member WHERE workspace = $1 AND user_id = $2`, workspace, user)
	return access.Role(role), err
}

// hasOwnerBeside tells whether somebody else owns the workspace and isn't shut
// out of Code.
func (s *Service) hasOwnerBeside(ctx context.Context, tx *db.Tx, workspace, user string) (bool, error) {
	return db.One[bool](ctx, tx, `
		SELECT EXISTS (SELECT 1 FROM member m JOIN code_user u ON u.id = m.user_id
		WHERE m.workspace = $1 AND m.role = 'owner' AND m.user_id <> $2 AND NOT u.suspended)`, workspace, user)
}

func (s *Service) updateRole(ctx context.Context, tx *db.Tx, workspace, user string, role access.Role) error {
	_, err := db.Exec(ctx, tx, `UPDATE member SET role = $3 WHERE workspace = $1 AND user_id = $2`, workspace, user, role)
	return err
}

func (s *Service) deleteMember(ctx context.Context, tx *db.Tx, workspace, user string) error {
	_, err := db.Exec(ctx, tx, `DELETE FROM member WHERE workspace = $1 AND user_id = $2`, workspace, user)
	return err
}

func (s *Service) hasMemberWithEmail(ctx context.Context, tx *db.Tx, workspace, email string) (bool, error) {
	return db.One[bool](ctx, tx, `
		SELECT EXISTS (SELECT 1 FROM member m JOIN code_user u ON u.id = m.user_id
		WHERE m.workspace = $1 AND LOWER(u.email) = $2 AND u.email_proven)`, workspace, email)
}

// Invitations.

// putInvitation keeps an invitation, in place of an open one to the same
// address. It gives the id of the one that there is then.
func (s *Service) putInvitation(ctx context.Context, tx *db.Tx, workspace string, in Invitation, hash, inviter string) (string, error) {
	id, err := db.One[string](ctx, tx, `
		UPDATE invitation SET hash = $3, role = $4, inviter = $5, created = $6, expires = $7, sent = sent + 1
		WHERE workspace = $1 AND email = $2 AND accepted = 0 RETURNING id`,
		workspace, in.Email, hash, in.Role, inviter, in.Created, in.Expires)
	if !errs.Is(err, errs.KindNotFound) {
		return id, err
	}
	id = db.NewID()
	_, err = db.Exec(ctx, tx, `
		INSERT INTO invitation (id, hash, workspace, email, role, inviter, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		id, hash, workspace, in.Email, in.Role, inviter, in.Created, in.Expires)
	return id, err
}

// lastInvitation gives when an address was invited last, and how often, since it
// accepted; zero where it never was. One that was withdrawn or declined counts.
func (s *Service) lastInvitation(ctx context.Context, tx *db.Tx, workspace, email string) (last time.Time, sent int, err error) {
	r, err := db.One[struct {
		Last time.Time
		Sent int
	}](ctx, tx, `SELECT COALESCE(MAX(created), 0), COALESCE(MAX(sent), 0) FROM invitation WHERE workspace = $1 AND email = $2 AND accepted = 0`, workspace, email)
	return r.Last, r.Sent, err
}

func (s *Service) openInvitations(ctx context.Context, workspace string, now time.Time) ([]Invitation, error) {
	return db.All[Invitation](ctx, s.DB, `
		SELECT i.id, i.email, i.role, u.name, i.created, i.expires
		FROM invitation i JOIN code_user u ON u.id = i.inviter
		WHERE i.workspace = $1 AND i.accepted = 0 AND i.expires > $2 ORDER BY i.created DESC, i.id DESC`, workspace, now)
}

// withdrawInvitation ends an open one and gives the address that it was for. When
// and how often it was sent is kept: the next one to the address has to wait.
func (s *Service) withdrawInvitation(ctx context.Context, tx *db.Tx, workspace, id string, now time.Time) (string, error) {
	return db.One[string](ctx, tx, `
		UPDATE invitation SET expires = 0 WHERE workspace = $1 AND id = $2 AND accepted = 0 AND expires > $3 RETURNING email`, workspace, id, now)
}

type offerRow struct {
	ID, Workspace string
	Offer
}

func (s *Service) offer(ctx context.Context, q db.Q, hash string, now time.Time) (offerRow, error) {
	return db.One[offerRow](ctx, q, `
		SELECT i.id, i.workspace, w.slug, w.name, u.name, i.email, i.role, i.expires, w.require_two_step, w.require_from, w.phishing_resistant, w.accept_account
		FROM invitation i JOIN workspace w ON w.id = i.workspace JOIN code_user u ON u.id = i.inviter
		WHERE i.hash = $1 AND i.accepted = 0 AND i.expires > $2`, hash, now)
}

// useInvitation uses it up: of several at once, one does.
func (s *Service) useInvitation(ctx context.Context, tx *db.Tx, hash string, now time.Time) (bool, error) {
	n, err := db.Exec(ctx, tx, `UPDATE invitation SET accepted = $2 WHERE hash = $1 AND accepted = 0 AND expires > $2`, hash, now)
	return n == 1, err
}

// Tables of other packages, which are only read here.

func (s *Service) emailOf(ctx context.Context, tx *db.Tx, user string) (string, bool, error) {
	r, err := db.One[struct {
		Email  string
		Proven bool
	}](ctx, tx, `SELECT email, email_proven FROM code_user WHERE id = $1`, user)
	return r.Email, r.Proven, err
}

func (s *Service) factorsOf(ctx context.Context, q db.Q, user string) (access.Factors, error) {
	return db.One[access.Factors](ctx, q, `SELECT
		EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = $1 AND kind = 'totp' AND confirmed > 0),
		EXISTS (SELECT 1 FROM factor WHERE realm = 'code' AND holder = $1 AND kind = 'webauthn' AND confirmed > 0)`, user)
}

func (s *Service) publicContent(ctx context.Context, q db.Q, workspace string, limit int) ([]Public, error) {
	return db.All[Public](ctx, q, `
		SELECT 1 AS kind, slug, name FROM repository WHERE workspace = $1 AND public
		UNION ALL SELECT 2, slug, name FROM repository WHERE workspace = $1 AND has_issues AND issues_public
		UNION ALL SELECT 3, slug, name FROM repository WHERE workspace = $1 AND has_wiki AND wiki_public
		UNION ALL SELECT 4, id, title FROM snippet WHERE workspace = $1 AND public
		ORDER BY kind, slug LIMIT $2`, workspace, limit)
}
