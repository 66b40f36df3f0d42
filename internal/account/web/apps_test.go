package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
	"sallyport.dev/internal/secret"
)

func TestAnAdministratorRegistersAnApp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		root := w.newAdministrator("root@example.com")
		b := w.browser()
		b.signIn(ada, adasPass)
		for _, path := range []string{"/admin/apps", "/admin/apps/new"} {
			if got := b.get(path); got.status != http.StatusNotFound {
				t.Errorf("%s for somebody else: %d", path, got.status)
			}
		}
		if got := b.post("/admin/apps/new", "name", "Evil", "redirects", "https://evil.test/cb"); got.status != http.StatusNotFound {
			t.Errorf("registering: %d", got.status)
		}

		b = root
		fields := url.Values{
			"name": {"Wiki"}, "kind": {"confidential"}, "redirects": {"https://wiki.test/callback\nhttps://wiki.test/other"},
			"scopes": {"openid", "email"}, "grants": {"authorization_code", "refresh_token"}, "launch_address": {"https://wiki.test/"},
			"logout_redirects": {"https://wiki.test/bye"}, "third_party": {"yes"},
		}
		wrong := url.Values{"name": {"Wiki"}, "redirects": {"wiki.test"}, "scopes": {"openid"}, "grants": {"authorization_code"}}
		if got := b.do("POST", "/admin/apps/new", wrong); got.status != http.StatusBadRequest || !strings.Contains(got.body, "no absolute address") || !strings.Contains(got.body, `value="Wiki"`) {
			t.Errorf("%d %s", got.status, got.body)
		}
		made := b.do("POST", "/admin/apps/new", fields)
		key := regexp.MustCompile(`sps_[A-Za-z0-9_-]{43}`).FindString(made.body)
		if made.status != http.StatusOK || key == "" {
			t.Fatalf("%d %s", made.status, made.body)
		}
		apps, err := w.site.Provider.Apps(t.Context())
		must(t, err)
		app := apps[0]
		if len(apps) != 1 || len(app.Redirects) != 2 || !app.ThirdParty || app.LaunchAddress != "https://wiki.test/" || len(app.Scopes) != 2 {
			t.Errorf("%+v", app)
		}
		at := "/admin/apps/" + app.ID
		if got := b.get(at); strings.Contains(got.body, "sps_") || !strings.Contains(got.body, "https://wiki.test/other") {
			t.Errorf("the secret is shown again, or the app isn't: %s", got.body)
		}
		a := w.client(app, secret.New(key), "https://wiki.test/callback")
		if got, _ := a.call(w, "/introspect", "token", "x"); got != 200 {
			t.Errorf("its secret: %d", got)
		}
		fresh := regexp.MustCompile(`sps_[A-Za-z0-9_-]{43}`).FindString(b.post(at + "/secret").body)
		if got, _ := a.call(w, "/introspect", "token", "x"); fresh == "" || fresh == key || got != http.StatusUnauthorized {
			t.Errorf("the secret from before: %d", got)
		}
		fields.Set("name", "Library")
		fields.Del("third_party")
		if got := b.do("POST", at, fields); !strings.Contains(got.body, "Saved.") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := b.get("/apps"); !strings.Contains(got.body, "Library") || !strings.Contains(got.body, `href="https://wiki.test/"`) {
			t.Errorf("the launcher: %s", got.body)
		}
		if got := b.post(at + "/delete"); !strings.Contains(got.body, "taken off") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := b.get(at); got.status != http.StatusNotFound {
			t.Errorf("deleted: %d", got.status)
		}
		if got := w.actions(); !strings.HasSuffix(got, "app.create app.secret app.update app.delete") {
			t.Errorf("audit: %s", got)
		}
	})
}

func TestADeletedAppsTokensEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a, other := w.register(lasting()), w.register(lasting())
		b := w.browser()
		b.signIn(ada, adasPass)
		tokens, others := a.grant(w, b), other.grant(w, b)
		must(t, w.site.Provider.DeleteApp(t.Context(), person.Operator(), a.ID))
		if got := b.post("/userinfo", "access_token", tokens["access_token"].(string)); got.status != http.StatusUnauthorized {
			t.Errorf("its token: %d", got.status)
		}
		if !other.active(w, others["access_token"]) {
			t.Error("another app's token ended too")
		}
	})
}

func TestRPInitiatedLogout(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		w.newPerson("bob@example.com", adasPass)
		in := lasting()
		in.LogoutRedirects = []string{"https://wiki.test/bye", "https://wiki.test/bye?x=1"}
		a, other := w.register(in), w.register(lasting())
		b, bob := w.browser(), w.browser()
		b.signIn(ada, adasPass)
		bob.signIn("bob@example.com", adasPass)
		hint := a.grant(w, b)["id_token"].(string)
		ask := func(fields ...string) string {
			query := url.Values{}
			for i := 0; i < len(fields); i += 2 {
				query.Set(fields[i], fields[i+1])
			}
			return "/end_session?" + query.Encode()
		}
		const bye = "https://wiki.test/bye"
		signedIn := func(b *browser) bool { return b.get("/manage-profile").at.Path == "/manage-profile" }

		// What can't be believed does nothing and leads nowhere.
		for what, address := range map[string]string{
			"an address that isn't registered": ask("id_token_hint", hint, "post_logout_redirect_uri", "https://evil.test/"),
			"one with more in it":              ask("id_token_hint", hint, "post_logout_redirect_uri", bye+"?evil"),
			"another app's":                    ask("client_id", other.ID, "post_logout_redirect_uri", bye),
			"a hint for another app":           ask("client_id", other.ID, "id_token_hint", hint),
			"no app":                           ask("post_logout_redirect_uri", bye),
			"an unknown app":                   ask("client_id", "nobody"),
			"a forged hint":                    ask("id_token_hint", hint[:len(hint)-8]+"AAAAAAAA"),
		} {
			if got := b.get(address); got.status != http.StatusBadRequest || got.to != nil {
				t.Errorf("%s: %d to %v", what, got.status, got.to)
			}
		}
		// Another person's hint, or none, asks first; and staying stays.
		for _, asks := range []page{bob.get(ask("id_token_hint", hint)), b.get(ask()), b.get(ask("client_id", a.ID))} {
			if asks.status != http.StatusOK || !strings.Contains(asks.body, "Sign out?") {
				t.Errorf("%d at %s", asks.status, asks.at)
			}
		}
		b.submit(b.get(ask("client_id", a.ID)), "/end_session/confirm", "answer", "no")
		if !signedIn(b) || !signedIn(bob) {
			t.Fatal("signed out without a yes")
		}
		done := bob.submit(bob.get(ask("client_id", a.ID, "post_logout_redirect_uri", bye, "state", "s t")), "/end_session/confirm", "answer", "yes")
		if done.to == nil || done.to.String() != bye+"?state=s+t" || signedIn(bob) {
			t.Errorf("confirmed: to %v", done.to)
		}
		// Its own ID token, even an old one, is as good as a yes; by a form of the app's too.
		w.clock.Advance(24 * time.Hour)
		form := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye + "?x=1"}, "state": {"1"}}
		if got := b.do("POST", "/end_session", form); got.to == nil || got.to.String() != bye+"?x=1&state=1" || signedIn(b) {
			t.Errorf("proven: %d to %v", got.status, got.to)
		}
		if got := b.get(ask("id_token_hint", hint)); got.at.Path != "/signin" {
			t.Errorf("signed out already: at %s", got.at)
		}
	})
}

// Standard 19.
func TestSigningKeysRotateWithOverlap(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		a := w.register(lasting())
		b := w.browser()
		b.signIn(ada, adasPass)
		kids := func() int { return strings.Count(b.get("/keys").body, `"kid"`) }
		signedBy := func(token any) string { header, _, _ := strings.Cut(token.(string), "."); return header }
		verify := func(token any) error { // as an app that has no keys yet
			_, err := w.client(a.App, secret.New(a.oauth.ClientSecret), a.oauth.RedirectURL).verifier.Verify(t.Context(), token.(string))
			return err
		}
		old := a.grant(w, b)["id_token"]
		_, _, err := w.site.Provider.RotateKey(t.Context(), person.Operator(), false)
		must(t, err)
		if early := a.grant(w, b)["id_token"]; kids() != 2 || signedBy(early) != signedBy(old) {
			t.Error("the new key isn't published, or signs before everybody can know it")
		}
		w.clock.Advance(61 * time.Second)
		fresh := a.grant(w, b)["id_token"]
		if signedBy(fresh) == signedBy(old) || verify(fresh) != nil || verify(old) != nil {
			t.Error("after a minute the new key must sign, and both be good")
		}
		w.clock.Advance(11 * time.Minute)
		if kids() != 1 {
			t.Error("the old key is published when nothing of its is good any more")
		}
		// An old hint is read all the same; one that a leaked key signed isn't.
		if got := b.get(a.ask("id_token_hint", old.(string), "prompt", "none")).answer(t, wiki); got.Get("code") == "" {
			t.Errorf("an old hint: %v", got)
		}
		last := a.grant(w, b)["id_token"]
		_, _, err = w.site.Provider.RotateKey(t.Context(), person.Operator(), true)
		must(t, err)
		if kids() != 1 || verify(last) == nil || verify(a.grant(w, b)["id_token"]) != nil {
			t.Error("what a leaked key signed is still good, or the new one doesn't sign")
		}
		if got := b.get(a.ask("id_token_hint", last.(string), "prompt", "none")).answer(t, wiki).Get("error"); got != "login_required" {
			t.Errorf("a hint of the leaked key: %s", got)
		}
	})
}
