package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport.dev/internal/account/policy"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/secret"
)

// grant is what a person's sign-in gave an app, a row of app_grant. What it
// says of the sign-in travels in every token that comes of it.
type grant struct {
	ID, App, Person, Session string
	Scopes                   string
	AuthTime                 time.Time
	ACR                      signin.Class
	AMR                      string
	Created, Expires         time.Time
}

const selectGrant = `SELECT id, app, person, session, scopes, auth_time, acr, amr, created, expires FROM app_grant `

func (g grant) offline() bool { return slices.Contains(strings.Fields(g.Scopes), scopeOffline) }

// begin makes a grant and its first tokens, where claim, in the same
// transaction, says that it is this exchange's to make.
func (p *Provider) begin(ctx context.Context, app App, g *grant, claim func(*db.Tx) (bool, error)) (issued, error) {
	now := p.config.Clock()
	g.ID, g.Created, g.Expires = db.NewID(), now, now.Add(onlineLife)
	if g.offline() {
		g.Expires = now.Add(offlineLife)
	}
	var out issued
	err := p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := lockPerson(ctx, tx, g.Person); err != nil {
			return err
		}
		if err := p.meets(ctx, tx, app, *g); err != nil {
			return err
		}
		if claimed, err := claim(tx); err != nil || !claimed {
			return err
		}
		if _, err := db.Exec(ctx, tx, `
			INSERT INTO app_grant (id, app, person, session, scopes, auth_time, acr, amr, created, expires)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			g.ID, g.App, g.Person, g.Session, g.Scopes, g.AuthTime, g.ACR, g.AMR, g.Created, g.Expires); err != nil {
			return err
		}
		if err := remember(ctx, tx, g.App, g.Person, g.Scopes, now); err != nil {
			return err
		}
		var err error
		out, err = p.issue(ctx, tx, app, *g)
		return err
	})
	if _, refused := err.(*refusal); err != nil && !refused { //nolint:errorlint // ours, not wrapped
		err = fmt.Errorf("giving an app its tokens: %w", err)
	}
	return out, err
}

// lockPerson has a grant wait for a suspension under way, and the reverse: or
// one made meanwhile would outlive it.
func lockPerson(ctx context.Context, tx *db.Tx, person string) error {
	return db.Lock(ctx, tx, "person "+person)
}

// meets says why a person doesn't meet what the operator and an app need, as
// things are now: they are suspended, signed in too weakly, or have no MFA, or
// none any more. It is asked wherever a token is made or looked at.
func (p *Provider) meets(ctx context.Context, q db.Q, app App, g grant) error {
	now, err := db.One[standing](ctx, q, `SELECT `+standingColumns+` FROM person p CROSS JOIN site_policy s WHERE p.id = $1`, g.Person)
	if errs.Is(err, errs.KindNotFound) {
		return refuse("invalid_grant", "the person is gone")
	}
	if err != nil {
		return err
	}
	return now.meets(app.ACR, g.ACR, p.config.Clock())
}

// standing is what a person is and has now, and what the operator requires.
type standing struct {
	Suspended, Enrolled, PhishingResistant bool
	Addresses                              string
	MFA                                    policy.Requirement
	Domains                                string
	MFAFrom                                time.Time
}

// standingColumns reads a standing, of the person p under the site's policy s.
const standingColumns = `COALESCE(p.suspended, FALSE),
	EXISTS (SELECT 1 FROM factor f WHERE f.realm = 'account' AND f.holder = p.id AND f.confirmed > 0),
	EXISTS (SELECT 1 FROM factor f WHERE f.realm = 'account' AND f.holder = p.id AND f.confirmed > 0 AND f.kind = 'webauthn'),
	COALESCE((SELECT string_agg(e.address, ' ') FROM person_email e WHERE e.person = p.id), ''), s.mfa, s.domains, s.mfa_from`

func (s standing) meets(needed, has signin.Class, now time.Time) error {
	rule := policy.Policy{MFA: s.MFA, Domains: strings.Fields(s.Domains), MFAFrom: s.MFAFrom}
	switch {
	case s.Suspended:
		return refuse("invalid_grant", "the person is suspended")
	case !s.Enrolled && rule.Requires(strings.Fields(s.Addresses), now):
		return refuse("invalid_grant", "MFA is required of the person, who has none")
	case needed == "" || needed == signin.ClassOne:
		return nil
	case !has.Reaches(needed):
		return refuse("invalid_grant", "the app needs a stronger sign-in")
	case !s.Enrolled, needed == signin.ClassPhishing && !s.PhishingResistant:
		return refuse("invalid_grant", "the person has turned off what the app needs")
	}
	return nil
}

// issue makes the next tokens of a grant.
func (p *Provider) issue(ctx context.Context, tx *db.Tx, app App, g grant) (issued, error) {
	now := p.config.Clock()
	out, err := p.accessToken(ctx, tx, app.ID, g.ID, g.Scopes)
	if err != nil {
		return issued{}, err
	}
	if app.may(GrantRefresh) {
		plain, hash := secret.Token("spf_")
		if _, err := db.Exec(ctx, tx, `INSERT INTO app_refresh (hash, app_grant, created) VALUES ($1, $2, $3)`, hash, g.ID, now); err != nil {
			return issued{}, err
		}
		out.RefreshToken = plain.Reveal()
	}
	_, err = db.Exec(ctx, tx, `UPDATE app_person SET used = $1 WHERE person = $2 AND app = $3 AND used < $4`, now, g.Person, g.App, now.Add(-time.Minute))
	return out, err
}

// accessToken makes an access token: of a grant, or of the app's own.
func (p *Provider) accessToken(ctx context.Context, q db.Q, app, grant, scopes string) (issued, error) {
	now := p.config.Clock()
	plain, hash := secret.Token("spo_")
	_, err := db.Exec(ctx, q, `INSERT INTO app_token (hash, app, app_grant, scopes, created, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
		hash, app, grant, scopes, now, now.Add(tokenLife))
	return issued{AccessToken: plain.Reveal(), TokenType: "Bearer", ExpiresIn: int64(tokenLife.Seconds()), Scope: scopes}, err
}

// remember keeps that a person uses an app, and what it may do for them.
func remember(ctx context.Context, q db.Q, app, person, scopes string, now time.Time) error {
	before, err := agreed(ctx, q, app, person)
	if err != nil {
		return err
	}
	all := before
	for scope := range strings.FieldsSeq(scopes) {
		if !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	_, err = db.Exec(ctx, q, `
		INSERT INTO app_person (app, person, scopes, created, used) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (person, app) DO UPDATE SET scopes = $3, used = $4`, app, person, strings.Join(all, " "), now)
	return err
}

// agreed gives the scopes that a person has let an app have.
func agreed(ctx context.Context, q db.Q, app, person string) ([]string, error) {
	scopes, err := db.One[string](ctx, q, `SELECT scopes FROM app_person WHERE person = $1 AND app = $2`, person, app)
	if errs.Is(err, errs.KindNotFound) {
		return nil, nil
	}
	return strings.Fields(scopes), err
}

// endReused ends a chain of which a code or token was used twice.
func (p *Provider) endReused(ctx context.Context, id, what string) error {
	return p.config.DB.InTx(ctx, func(tx *db.Tx) error {
		g, err := db.One[grant](ctx, tx, `UPDATE app_grant SET ended = $1 WHERE id = $2 AND ended = 0
			RETURNING id, app, person, session, scopes, auth_time, acr, amr, created, expires`, p.config.Clock(), id)
		if errs.Is(err, errs.KindNotFound) {
			return nil // it has ended, or the one exchange gave nothing
		}
		if err != nil {
			return fmt.Errorf("ending a grant: %w", err)
		}
		return p.config.Audit.Append(ctx, tx, audit.Entry{
			Realm: "account", Actor: g.Person, Credential: "app", Action: "grant.reused", Target: g.App, Detail: map[string]any{"what": what},
		})
	})
}
