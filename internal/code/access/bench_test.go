package access

import (
	"fmt"
	"testing"
	"time"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

// hardest is the decision for which most is looked at: an owner's, with everything
// asked for; and that of somebody whom it refuses.
func hardest() map[Outcome]func() Verdict {
	policy := Policy{
		RequireTwoStep: true, RequireFrom: now, AcceptAccountMFA: true, PhishingResistant: true,
		AskAgain: DefaultAskAgain, AskOverSSH: true, RefuseMachines: true, Networks: someNetworks[1],
	}
	resource := Resource{Exists: true, Permission: Admin}
	allowed := stepped("alice")
	allowed.Factors = Factors{TOTP: true, WebAuthn: true}
	allowed.Step.Method = WebAuthn
	allowed.Account = Account{ACR: "aal2", AMR: []string{"pwd", "otp", "mfa"}, AuthTime: now}
	allowed.AccountOpens = true
	refused, strict := session("alice"), policy
	strict.AcceptAccountMFA = false
	return map[Outcome]func() Verdict{
		Allow: func() Verdict { return Decide(allowed, policy, resource, ManageAccess, now) },
		Enrol: func() Verdict { return Decide(refused, strict, resource, ManageAccess, now) },
	}
}

// The one decision: at most 1 µs, nothing allocated.
func BenchmarkDecide(b *testing.B) {
	for want, decide := range hardest() {
		b.Run(string(want), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := decide(); v.Outcome != want {
					b.Fatal(v)
				}
			}
		})
	}
}

// The one query and the decision: at most 50 µs on SQLite, and the same with
// few and with many members, tokens and repositories.
func BenchmarkCheck(b *testing.B) {
	for _, engine := range []struct {
		name string
		open func(testing.TB) *db.DB
	}{{"sqlite", dbtest.SQLite}, {"postgres", dbtest.Postgres}} {
		for _, n := range []int{10, 10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", engine.name, n), func(b *testing.B) { benchmarkCheck(b, engine.open(b), n) })
		}
	}
}

func benchmarkCheck(b *testing.B, d *db.DB, n int) {
	w := newWorld(b, d).usual()
	w.crowd(n)
	w.require("acme")
	many := stepped(fmt.Sprintf("u-%d", n/2))
	there := Target{Workspace: "acme", Repository: fmt.Sprintf("r-%d", n/2)}
	for _, c := range []struct {
		name   string
		actor  Actor
		target Target
		want   Outcome
		reason Reason
	}{
		{"allowed", many, there, Allow, ReasonAllowed},
		{"missing", many, Target{Workspace: "acme", Repository: "missing"}, Hidden, ReasonNotFound},
		{"outsider", session("bob"), there, Hidden, ReasonNotFound},
		{"blocked", session("alice"), there, Enrol, ReasonTwoStepRequired},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.gate.Check(b.Context(), c.actor, c.target, ReadRepository); (err == nil) != (c.want == Allow) {
					b.Fatal(err)
				}
			}
			w.t = b
			w.expect(c.actor, c.target, ReadRepository, c.want, c.reason)
		})
	}
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := w.gate.Check(b.Context(), many, there, ReadRepository); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// crowd adds n enrolled members with a token each and n repositories; and, of at most 10,000 in the
// middle of those, former names, snippets, empty workspaces, and groups of a member each: such a
// member holds a permission by itself and by its group.
func (w *world) crowd(n int) {
	w.t.Helper()
	for _, fill := range []string{
		`INSERT INTO code_user (id, issuer, subject, username, name, email, account_opens, created)
			SELECT 'u-' || i, 'https://id.test', 'u-' || i, 'u-' || i, '', '', FALSE, 0 FROM n`,
		`INSERT INTO member (workspace, user_id, role, created) SELECT 'w-acme', 'u-' || i, 'member', 0 FROM n`,
		`INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed)
			SELECT 'f-' || i, 'code', 'u-' || i, 'totp', '', ` + w.noBytes() + `, 0, 1 FROM n`,
		`INSERT INTO token (id, hash, kind, holder, user_id, name, scopes, made_by, created, issued, expires)
			SELECT 't-' || i, 'h-' || i, 'api_token', 'u-' || i, 'u-' || i, '', '', '', 0, 0, 0 FROM n`,
		`INSERT INTO repository (id, workspace, slug, name, description, public, created, updated)
			SELECT 'r-' || i, 'w-acme', 'r-' || i, '', '', FALSE, 0, 0 FROM n`,
	} {
		w.fill(fill, 1, n)
	}
	first, last := max(1, n/2-5000+1), min(n, n/2+5000)
	for _, fill := range []string{
		`INSERT INTO repository_name (workspace, slug, repository) SELECT 'w-acme', 'was-' || i, 'r-' || i FROM n`,
		`INSERT INTO snippet (id, workspace, author, title, public, created, updated)
			SELECT 's-' || i, 'w-acme', 'u-' || i, '', FALSE, 0, 0 FROM n`,
		`INSERT INTO workspace (id, slug, name, plan, created) SELECT 'w-' || i, 'w-' || i, '', 'premium', 0 FROM n`,
		`INSERT INTO workspace_group (id, workspace, name, folded, created) SELECT 'g-' || i, 'w-acme', 'g-' || i, 'g-' || i, 0 FROM n`,
		`INSERT INTO group_member (group_id, workspace, user_id, created) SELECT 'g-' || i, 'w-acme', 'u-' || i, 0 FROM n`,
		`INSERT INTO repository_group (repository, group_id, permission) SELECT 'r-' || i, 'g-' || i, 1 FROM n`,
		`INSERT INTO repository_user (repository, workspace, user_id, permission) SELECT 'r-' || i, 'w-acme', 'u-' || i, 2 FROM n`,
	} {
		w.fill(fill, first, last)
	}
	if w.d.Engine == db.Postgres {
		w.sql(`ANALYZE`)
	}
}

// fill runs a statement that reads the numbers from first to last, which are its $1 and $2, as n (i).
func (w *world) fill(statement string, first, last int, more ...any) {
	w.t.Helper()
	w.sql(`WITH RECURSIVE n (i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2) `+statement, append([]any{first, last}, more...)...)
}

// noBytes writes an empty BYTEA.
func (w *world) noBytes() string {
	if w.d.Engine == db.Postgres {
		return `''::bytea`
	}
	return `x''`
}

// A preview of a workspace of 10,000 members, who came by two doors on each of
// the last 30 days.
func BenchmarkPreview(b *testing.B) {
	for _, open := range []func(testing.TB) *db.DB{dbtest.SQLite, dbtest.Postgres} {
		d := open(b)
		b.Run(string(d.Engine), func(b *testing.B) {
			w := newWorld(b, d).usual()
			w.factor("olga", "totp")
			w.fill(`INSERT INTO code_user (id, issuer, subject, username, name, email, account_opens, created) SELECT 'u' || i, 'x', 'u' || i, 'u' || i, 'U', '', FALSE, 0 FROM n`, 1, 10_000)
			w.fill(`INSERT INTO member (workspace, user_id, role, created) SELECT 'w-acme', 'u' || i, 'member', 0 FROM n`, 1, 10_000)
			w.fill(`INSERT INTO factor (id, realm, holder, kind, label, secret, created, confirmed) SELECT 'f' || i, 'code', 'u' || i, 'totp', '', `+w.noBytes()+`, 0, 1 FROM n WHERE i % 3 > 0`, 1, 10_000)
			w.fill(`INSERT INTO code_session (id, hash, user_id, step_method, step_at, account_acr, account_amr, account_time, address, agent, created, seen) SELECT 's' || i, 's' || i, 'u' || i, 'totp', CAST($3 AS BIGINT), '', '', 0, '192.0.2.1', '', 0, 0 FROM n`, 1, 10_000, now)
			w.fill(`INSERT INTO token (id, hash, kind, holder, user_id, name, scopes, made_by, created, issued, expires) SELECT 't' || i, 't' || i, 'api_token', 'u' || i, 'u' || i, 'ci', '', '', 0, 0, CAST($3 AS BIGINT) FROM n`, 1, 10_000, now.Add(time.Hour))
			for _, door := range []string{"web", "githttp"} {
				w.fill(`INSERT INTO access_record (workspace, user_id, credential, door, action, outcome, reason, held, day, count, last)
					SELECT 'w-acme', 'u' || n.i, 'session', $3, 'read_repository', 'allow', 'allowed', 'totp.0', $4 - d.i, 3, 0 FROM n, (SELECT i FROM n WHERE i <= 30) d`, 1, 10_000, door, now.Unix()/86400)
			}
			owner := session("olga")
			owner.Step = Step{TOTP, now}
			g, err := w.gate.Check(b.Context(), owner, Target{Workspace: "acme"}, ManageAccess)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				p, err := w.gate.Preview(b.Context(), g, Policy{RequireTwoStep: true}, "", 50)
				if err != nil || p.Members != 10002 || p.Replay.Accesses < 1_800_000 || len(p.Affected.Shown) != 50 {
					b.Fatal(err, p.Members, p.Replay.Accesses)
				}
			}
		})
	}
}
