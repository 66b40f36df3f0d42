package request_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

// logged has the log written to a buffer for the length of a test, and gives
// its lines.
func logged(t *testing.T) func() []map[string]any {
	t.Helper()
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return func() []map[string]any {
		t.Helper()
		var lines []map[string]any
		for line := range strings.Lines(out.String()) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			lines = append(lines, fields)
		}
		return lines
	}
}

// Attack 23: a limit was reset by a forged X-Forwarded-For. Only what a trusted
// proxy says counts, and of that only what the nearest untrusted one can't have
// written.
func TestAttack23ForgedForwardedFor(t *testing.T) {
	logged(t)
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("127.0.0.1/32")}
	for _, c := range []struct {
		name      string
		trusted   []netip.Prefix
		peer      string
		forwarded []string
		want      string
	}{
		{"no proxy", nil, "203.0.113.9:4000", nil, "203.0.113.9"},
		{"no proxy, forged", nil, "203.0.113.9:4000", []string{"198.51.100.1"}, "203.0.113.9"},
		{"no proxy is trusted by default, not even the own machine", nil, "127.0.0.1:4000", []string{"198.51.100.1"}, "127.0.0.1"},
		{"a stranger beside the proxies", proxies, "203.0.113.9:4000", []string{"198.51.100.1, 10.0.0.1"}, "203.0.113.9"},
		{"one proxy", proxies, "10.0.0.1:4000", []string{"203.0.113.9"}, "203.0.113.9"},
		{"one proxy, forged before it", proxies, "10.0.0.1:4000", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"one proxy, a proxy forged before it", proxies, "10.0.0.1:4000", []string{"10.0.0.2, 198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"one proxy, forged in a line of its own", proxies, "10.0.0.1:4000", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		{"two proxies", proxies, "10.0.0.1:4000", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"three proxies, forged", proxies, "127.0.0.1:4000", []string{"198.51.100.1, 203.0.113.9,10.0.0.3 , 10.0.0.2"}, "203.0.113.9"},
		{"a client inside", proxies, "10.0.0.1:4000", []string{"10.0.0.77"}, "10.0.0.77"},
		{"nonsense from the client inside", proxies, "10.0.0.1:4000", []string{"nonsense, 10.0.0.77"}, "10.0.0.77"},
		{"a proxy that says nothing", proxies, "10.0.0.1:4000", nil, "10.0.0.1"},
		{"a proxy that says nonsense", proxies, "10.0.0.1:4000", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"IPv6", proxies, "[2001:db8:1::1]:4000", []string{"2001:db8:2::9"}, "2001:db8:2::9"},
		{"IPv4 as IPv6", proxies, "[::ffff:10.0.0.1]:4000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"no address at all", proxies, "@", []string{"203.0.113.9"}, "0.0.0.0"},
	} {
		var got netip.Addr
		h := request.Wrap("code", c.trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = request.Address(r.Context()) }))
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, line := range c.forwarded {
			r.Header.Add("X-Forwarded-For", line)
		}
		for _, other := range []string{"X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip"} {
			r.Header.Set(other, "198.51.100.99")
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got.String() != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

func TestEachRequestHasAnIDOfItsOwn(t *testing.T) {
	lines := logged(t)
	var inside []string
	h := request.Wrap("code", nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inside = append(inside, request.ID(r.Context()))
	}))
	for range 2 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Request-Id", "chosen-by-the-client")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		id := inside[len(inside)-1]
		if len(id) != 12 || w.Header().Get("X-Request-Id") != id || lines()[len(inside)-1]["request"] != id {
			t.Errorf("inside %q, answered %q, logged %v", id, w.Header().Get("X-Request-Id"), lines())
		}
	}
	if inside[0] == inside[1] {
		t.Error("both have the same")
	}
	if request.ID(context.Background()) != "" || request.Address(context.Background()).IsValid() {
		t.Error("outside a request there is an id or address")
	}
}

// The log line has what happened, and nothing that is or may be a secret.
// Standard 21: no secret of an address is logged.
func TestLogLineHasNoSecrets(t *testing.T) {
	lines := logged(t)
	h := request.Wrap("account", nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	}))
	link := "spt_SECRETinthepath0123456789abcdefghijklmnopqrstuvwx"
	r := httptest.NewRequest("POST", "/links/"+link+"/ok?code=SECRETcode&token=SECRETtoken", strings.NewReader("password=SECRETpassword"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "Bearer SECRETbearer")
	r.Header.Set("Cookie", "__Host-sallyport_code=SECRETcookie")
	r.Header.Set("Referer", "https://code.example.com/?code=SECRETreferer")
	r.Header.Set("User-Agent", "SECRETagent")
	h.ServeHTTP(httptest.NewRecorder(), r)
	got := lines()
	if len(got) != 1 {
		t.Fatalf("%d lines: %v", len(got), got)
	}
	line := got[0]
	if text, _ := json.Marshal(line); strings.Contains(string(text), "SECRET") {
		t.Errorf("a secret is in the log: %s", text)
	}
	for field, want := range map[string]any{
		"level": "INFO", "msg": "request", "site": "account", "method": "POST", "path": "/links/spt_…/ok",
		"status": 418.0, "bytes": 15.0, "from": "192.0.2.1",
	} {
		if line[field] != want {
			t.Errorf("%s: %v, want %v", field, line[field], want)
		}
	}
}

// A path can't write a line of its own into the log.
func TestLogLineStaysOneLine(t *testing.T) {
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(before)
	h := request.Wrap("code", nil, http.NotFoundHandler())
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/a%0Alevel=ERROR%20msg=forged%1b%5B31m", nil))
	if strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%q", out.String())
	}
}

func TestFailuresAreLoggedOnceAtTheirLevel(t *testing.T) {
	for _, c := range []struct {
		err   error
		level string
	}{
		{nil, "INFO"},
		{errs.NotFound("There is nothing here."), "INFO"},
		{errs.Denied("No."), "INFO"},
		{errors.New("broken"), "ERROR"},
		{errs.Unavailable(errors.New("down"), "Later."), "ERROR"},
	} {
		lines := logged(t)
		h := request.Wrap("code", nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			request.Failed(r.Context(), c.err)
		}))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		got := lines()
		if len(got) != 1 || got[0]["level"] != c.level || got[0]["status"] != 200.0 {
			t.Errorf("%v: %v", c.err, got)
		}
		if c.err != nil && got[0]["err"] != c.err.Error() {
			t.Errorf("%v is logged as %v", c.err, got[0]["err"])
		}
	}

	lines := logged(t)
	h := request.Wrap("code", nil, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		request.Failed(r.Context(), context.Canceled)
	}))
	gone, leave := context.WithCancel(t.Context())
	leave()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(gone))
	if got := lines(); got[0]["level"] != "INFO" {
		t.Errorf("a client that went away: %v", got)
	}
}

// A panic before anything was answered is a 500 that tells nothing but the
// request's id; after that, the answer is cut off.
func TestPanics(t *testing.T) {
	lines := logged(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/early", func(http.ResponseWriter, *http.Request) { panic("SECRET of the program") })
	mux.HandleFunc("/late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an ans")
		_ = http.NewResponseController(w).Flush()
		panic("late")
	})
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/fine", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(request.Wrap("code", nil, mux))
	defer server.Close()

	response, err := server.Client().Get(server.URL + "/early")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	id := response.Header.Get("X-Request-Id")
	if err != nil || response.StatusCode != 500 || string(body) != "Something went wrong on our side. Request "+id+"\n" {
		t.Errorf("early: %d %q, %v", response.StatusCode, body, err)
	}
	got := lines()
	if len(got) != 2 || got[0]["panic"] != "SECRET of the program" || got[0]["request"] != id || got[1]["status"] != 500.0 ||
		!strings.Contains(got[0]["stack"].(string), "TestPanics") {
		t.Errorf("early: %v", got)
	}

	response, err = server.Client().Get(server.URL + "/late")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("late: half an answer looks whole: %q", body)
	}
	response.Body.Close()
	if response, err := server.Client().Get(server.URL + "/abort"); err == nil {
		response.Body.Close()
		t.Errorf("abort: %v", response.Status)
	}
	response, err = server.Client().Get(server.URL + "/fine")
	if err != nil || response.StatusCode != 200 {
		t.Fatalf("afterwards: %v", err)
	}
	response.Body.Close()
}

func TestForms(t *testing.T) {
	post := func(body string) *http.Request {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	parse := func(r *http.Request) error { return request.ParseForm(httptest.NewRecorder(), r) }
	if r := post("name=Acme"); parse(r) != nil || r.PostForm.Get("name") != "Acme" {
		t.Errorf("a form: %v", r.PostForm)
	}
	if err := parse(post("name=" + strings.Repeat("a", 2<<20))); !errs.Is(err, errs.KindTooLarge) {
		t.Errorf("a large form: %v", err)
	}
	if err := parse(post("name=%zz")); !errs.Is(err, errs.KindInvalid) {
		t.Errorf("a form that is none: %v", err)
	}

	fields := url.Values{"a": {"fine, even ü and 🙂"}, "b": {"x\x00y"}, "c": {"x\xffy"}, "d": {strings.Repeat("ü", 10_000)}, "e": {strings.Repeat("a", 10_001)}, "text": {strings.Repeat("a", 10_001)}, "text-1": {"\xff"}}
	got := errs.Fields(request.CleanForm(fields))
	if len(got) != 4 || got["b"] == "" || got["c"] == "" || got["e"] == "" || got["text-1"] == "" {
		t.Errorf("%v", got)
	}
	for name, values := range fields {
		if !request.Clean(values[0]) {
			t.Errorf("%s can't be shown again: %q", name, values[0])
		}
	}
}
