package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/web"
	"sallyport.dev/internal/db"
	"sallyport.dev/internal/db/dbtest"
)

func television() provider.App {
	return provider.App{Name: "Television", Public: true, Grants: []provider.GrantType{provider.GrantDevice, provider.GrantRefresh}}
}

func (a *app) begin(w *world) (device, code string) {
	w.t.Helper()
	status, body := a.call(w, "/device_authorization", "scope", "openid profile")
	if status != http.StatusOK || body["verification_uri"] != w.url+"/device" || body["interval"] != 5.0 || body["expires_in"] != 600.0 {
		w.t.Fatalf("%d %v", status, body)
	}
	return body["device_code"].(string), body["user_code"].(string)
}

func (a *app) poll(w *world, device string) (map[string]any, string) {
	w.t.Helper()
	_, body := a.call(w, "/oauth/token", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", device)
	code, _ := body["error"].(string)
	return body, code
}

// Standard 18: devices (RFC 8628).
func TestADeviceSignsIn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		tv, other := w.register(television()), w.register(television())
		b := w.browser()
		b.signIn(ada, adasPass)
		device, code := tv.begin(w)
		steps := []struct {
			wait time.Duration
			want string
		}{{0, "authorization_pending"}, {5 * time.Second, "authorization_pending"}, {time.Second, "slow_down"}, {6 * time.Second, "slow_down"}, {16 * time.Second, "authorization_pending"}}
		for i, step := range steps {
			w.clock.Advance(step.wait)
			if _, got := tv.poll(w, device); got != step.want {
				t.Errorf("poll %d: %s, want %s", i, got, step.want)
			}
		}
		if _, got := other.poll(w, device); got != "invalid_grant" {
			t.Errorf("another app: %s", got)
		}
		// The page says what asks and from where; the code is taken however it is typed.
		page := b.get("/device?user_code=" + strings.ToLower(strings.ReplaceAll(code, "-", "%20")))
		if !strings.Contains(page.body, "Television") || !strings.Contains(page.body, "127.0.0.1") || !strings.Contains(page.body, "See your name") || !strings.Contains(page.body, code) {
			t.Fatalf("%d %s", page.status, page.body)
		}
		done := b.submit(page, "/device", "answer", "yes")
		if !strings.Contains(done.body, "The device is signed in") || !strings.Contains(done.body, "Apps") {
			t.Fatalf("%d %s", done.status, done.body)
		}
		var won atomic.Int32
		var all sync.WaitGroup
		var tokens atomic.Value
		for range 8 {
			all.Go(func() {
				if body, failed := tv.poll(w, device); failed == "" {
					won.Add(1)
					tokens.Store(body)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d of 8 polls at once got tokens", won.Load())
		}
		// Used more than once, so what it gave is revoked; the next device is well.
		got, _ := tokens.Load().(map[string]any)
		if status, _ := tv.refresh(w, got["refresh_token"]); status != 400 {
			t.Error("a device code used twice left its tokens alive")
		}
		device, code = tv.begin(w)
		b.submit(b.get("/device?user_code="+code), "/device", "answer", "yes")
		body, _ := tv.poll(w, device)
		if status, _ := tv.refresh(w, body["refresh_token"]); status != 200 || body["id_token"] == nil {
			t.Errorf("%v", body)
		}
	})
}

func TestADeviceIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		tv := w.register(television())
		b := w.browser()
		b.signIn(ada, adasPass)
		device, code := tv.begin(w)
		if got := b.submit(b.get("/device?user_code="+code), "/device", "answer", "no"); !strings.Contains(got.body, "refused") {
			t.Errorf("%s", got.body)
		}
		if _, got := tv.poll(w, device); got != "access_denied" {
			t.Errorf("refused: %s", got)
		}
		if got := b.get("/device?user_code=" + code); got.status != http.StatusBadRequest {
			t.Errorf("an answered code: %d", got.status)
		}
		// An old sign-in isn't enough to let one in.
		w.clock.Advance(16 * time.Minute)
		device, code = tv.begin(w)
		form := b.get("/device?user_code=" + code)
		if form.at.Path != "/signin/verify" {
			t.Fatalf("at %s", form.at)
		}
		b.post("/device", "user_code", code, "answer", "yes")
		if _, got := tv.poll(w, device); got != "authorization_pending" {
			t.Errorf("let in by an old sign-in: %s", got)
		}
		page := b.submit(form, "/signin/verify", "password", adasPass)
		if page.at.Path != "/device" || !strings.Contains(page.body, code) {
			t.Fatalf("back at %s", page.at)
		}
		// Suspended between the approval and the tokens (attack 9).
		b.submit(page, "/device", "answer", "yes")
		must(t, w.signin.Suspend(t.Context(), ada, true))
		w.clock.Advance(10 * time.Second)
		if _, got := tv.poll(w, device); got != "invalid_grant" {
			t.Errorf("suspended meanwhile: %s", got)
		}
		device, _ = tv.begin(w)
		w.clock.Advance(11 * time.Minute)
		if _, got := tv.poll(w, device); got != "expired_token" {
			t.Errorf("old: %s", got)
		}
	})
}

func TestDeviceCodesCannotBeGuessed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, web.Closed)
		w.newPerson(ada, adasPass)
		tv := w.register(television())
		_, code := tv.begin(w)
		b := w.browser()
		b.signIn(ada, adasPass)
		for i := range 7 {
			got := b.get(fmt.Sprintf("/device?user_code=BCDFGHJ%c", "BCDFGHJ"[i]))
			want := http.StatusBadRequest
			if i > 4 {
				want = http.StatusTooManyRequests
			}
			if got.status != want {
				t.Errorf("guess %d: %d", i, got.status)
			}
		}
		if got := b.get("/device?user_code=" + code); got.status != http.StatusTooManyRequests {
			t.Errorf("the right one after them: %d", got.status)
		}
	})
}
