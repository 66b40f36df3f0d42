package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"sallyport.dev/internal/config"
)

// commands has the flags of two commands, as the program has.
type commands struct {
	Serve config.Serve `cmd:""`
	Admin struct {
		config.Store `embed:""`
		Email        string
	} `cmd:""`
}

func parse(t *testing.T, args ...string) (*commands, error) {
	t.Helper()
	var c commands
	parser, err := kong.New(&c, kong.Exit(func(int) { t.Fatal("it exited") }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return &c, err
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sallyport.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagThenVariableThenFileThenDefault(t *testing.T) {
	file := write(t, "# ours\n\nsignup = open\n  default-plan=free\ncode-url = https://code.example.com\nmax-push = 10MB\nmail = smtp://u:p=w@h:25\n")
	t.Setenv("SALLYPORT_SIGNUP", "closed")
	t.Setenv("SALLYPORT_DEFAULT_PLAN", "standard")
	c, err := parse(t, "serve", "--config", file, "--signup", "invite", "--trusted-proxies", "10.0.0.1/8,::1")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	if s.Signup != "invite" || s.DefaultPlan != "standard" || s.CodeURL != "https://code.example.com" || s.LogLevel != "info" {
		t.Errorf("got %+v", s)
	}
	if s.MaxPush != 10_000_000 || s.Mail != "smtp://u:p=w@h:25" || s.CodeListen != "127.0.0.1:8080" {
		t.Errorf("got %+v", s)
	}
	if got := s.Proxies(); len(got) != 2 || got[0] != netip.MustParsePrefix("10.0.0.0/8") || got[1] != netip.MustParsePrefix("::1/128") {
		t.Errorf("the proxies: %v", got)
	}
}

func TestTheFileMayBeNamedByAVariable(t *testing.T) {
	t.Setenv("SALLYPORT_CONFIG", write(t, "data = /srv/sallyport\nsignup = open\n"))
	c, err := parse(t, "admin", "--email", "a@b.c")
	if err != nil || c.Admin.Data != "/srv/sallyport" {
		t.Errorf("%+v, %v", c.Admin, err)
	}
}

func TestEachFlagOfServeHasItsVariable(t *testing.T) {
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	serve := parser.Model.Children[0]
	for _, flag := range serve.Flags {
		want := "SALLYPORT_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if len(flag.Envs) != 1 || flag.Envs[0] != want {
			t.Errorf("--%s has %v, not %s", flag.Name, flag.Envs, want)
		}
		if flag.Help == "" {
			t.Errorf("--%s has no help", flag.Name)
		}
	}
	if len(serve.Flags) < 20 {
		t.Errorf("only %d flags were looked at", len(serve.Flags))
	}
}

func TestWhatCanNotBeMeantIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"unknown line":     {[]string{"--config", write(t, "signup = open\nsingup = open\n")}, `line 2: there is no flag "singup" to set`},
		"not of a file":    {[]string{"--config", write(t, "email = a@b.c\n")}, `there is no flag "email"`},
		"no line":          {[]string{"--config", write(t, "signup\n")}, `line 1: it isn't "flag = value"`},
		"line twice":       {[]string{"--config", write(t, "signup = open\nsignup = closed\n")}, "line 2"},
		"bad line value":   {[]string{"--config", write(t, "signup = maybe\n")}, `--signup must be one of "open","invite","closed"`},
		"missing file":     {[]string{"--config", "/nonexistent"}, "/nonexistent"},
		"enum":             {[]string{"--signup", "maybe"}, "--signup must be one of"},
		"size":             {[]string{"--max-push", "lots"}, `"lots" is no size`},
		"size zero":        {[]string{"--max-push", "0"}, "is no size"},
		"size too large":   {[]string{"--max-push", "9999999999GiB"}, "is no size"},
		"network":          {[]string{"--trusted-proxies", "10.0.0.0/99"}, "is no network"},
		"listen":           {[]string{"--code-listen", "8080"}, "--code-listen"},
		"port":             {[]string{"--code-listen", ":99999"}, "--code-listen"},
		"url":              {[]string{"--code-url", "code.example.com"}, "--code-url"},
		"url with path":    {[]string{"--account-url", "https://x.example.com/id"}, "--account-url"},
		"import by ssh":    {[]string{"--import-from", "ssh://git@git.example.com/team", "--import-key", "/nonexistent"}, "--import-key and --import-known-hosts"},
		"import as nobody": {[]string{"--import-from", "ssh://git.example.com/team"}, "--import-from"},
		"import as a name": {[]string{"--import-from", "https://git@git.example.com/team"}, "--import-from"},
		"cert alone":       {[]string{"--tls-cert", "c.pem"}, "--tls-key"},
		"one listener":     {[]string{"--account-listen", "127.0.0.1:8080"}, "--code-url"},
		"one host":         {[]string{"--account-listen", "127.0.0.1:8080", "--code-url", "http://a", "--account-url", "http://a"}, "different hosts"},
		"issuer alone":     {[]string{"--issuer", "https://id.example.com"}, "--client-secret-file"},
		"issuer no URL":    {[]string{"--issuer", "id", "--client-secret-file", "f"}, "--issuer"},
		"secret, no isuer": {[]string{"--client-secret-file", "f"}, "--issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, append([]string{"serve"}, c.args...)...)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("it says %v, not %q", err, c.says)
			}
		})
	}
}

func TestTwoFreePortsAreTwoListeners(t *testing.T) {
	c, err := parse(t, "serve", "--code-listen", "127.0.0.1:0", "--account-listen", "127.0.0.1:0")
	if err != nil || c.Serve.OneListener() {
		t.Errorf("%v, %v", c.Serve.OneListener(), err)
	}
	c, err = parse(t, "serve", "--account-listen", "127.0.0.1:8080", "--code-url", "http://code.localhost:8080", "--account-url", "http://id.localhost:8080")
	if err != nil || !c.Serve.OneListener() {
		t.Errorf("%v, %v", c.Serve.OneListener(), err)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]config.Size{"1": 1, "5B": 5, "2KiB": 2048, "1 MiB": 1 << 20, "3gb": 3e9} {
		var got config.Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s = %d, %v", text, got, err)
		}
	}
}

func TestTheClientSecretIsReadFromItsFile(t *testing.T) {
	s := config.Serve{ClientSecretFile: write(t, "hush\n")}
	if got, err := s.ClientSecret(); err != nil || got != "hush" {
		t.Errorf("%q, %v", got, err)
	}
	s.ClientSecretFile = write(t, "\n")
	if _, err := s.ClientSecret(); err == nil {
		t.Error("an empty secret was taken")
	}
}
