// Package config says what can be set, and reads it: from a flag, else from
// its environment variable SALLYPORT_…, else from a line of the file that
// --config names, else its default.
//
// It knows the form of each value and which values go together; what they do
// is wired in cmd/sallyport, the only package that imports it.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Store says where the data is; every command that works on it takes these.
type Store struct {
	Config   File   `help:"A file of lines 'flag = value'." placeholder:"FILE" env:"SALLYPORT_CONFIG"`
	Data     string `help:"The data folder." default:"./data" placeholder:"FOLDER" env:"SALLYPORT_DATA"`
	Database string `help:"The database: sqlite: (in the data folder), sqlite:PATH or postgres://…" default:"sqlite:" placeholder:"URL" env:"SALLYPORT_DATABASE"`
}

// KeyFile is where the master key is.
func (s *Store) KeyFile() string { return filepath.Join(s.Data, "secret.key") }

// MailFolder is where mails go that no server is there for.
func (s *Store) MailFolder() string { return filepath.Join(s.Data, "mail") }

// Admin is what `sallyport admin` needs to know beside the data: the sites'
// addresses, as `sallyport serve` has them, for the links in mails.
type Admin struct {
	Store `embed:""`

	CodeURL    string `name:"code-url" help:"Code's address as browsers see it." default:"http://localhost:8080" placeholder:"URL" env:"SALLYPORT_CODE_URL"`
	AccountURL string `name:"account-url" help:"Account's address as browsers see it." default:"http://localhost:8081" placeholder:"URL" env:"SALLYPORT_ACCOUNT_URL"`
}

// Validate says what is no site's address.
func (a *Admin) Validate() error {
	return cmp.Or(site("code-url", a.CodeURL), site("account-url", a.AccountURL))
}

// Serve is all that `sallyport serve` can be told.
type Serve struct {
	Store `embed:""`

	CodeListen    string `help:"Where Code listens. Port 0 picks a free one." default:"127.0.0.1:8080" placeholder:"HOST:PORT" env:"SALLYPORT_CODE_LISTEN"`
	AccountListen string `help:"Where Account listens; where it is the same as Code's, the Host header tells them apart." default:"127.0.0.1:8081" placeholder:"HOST:PORT" env:"SALLYPORT_ACCOUNT_LISTEN"`
	SSHListen     string `name:"ssh-listen" help:"Where git over SSH listens; empty: off." default:"127.0.0.1:2222" placeholder:"HOST:PORT" env:"SALLYPORT_SSH_LISTEN"`
	CodeURL       string `name:"code-url" help:"Code's address as browsers see it." placeholder:"URL" env:"SALLYPORT_CODE_URL"`
	AccountURL    string `name:"account-url" help:"Account's address as browsers see it." placeholder:"URL" env:"SALLYPORT_ACCOUNT_URL"`
	SSHURL        string `name:"ssh-url" help:"The SSH address as git clients see it, such as ssh://code.example.com." placeholder:"URL" env:"SALLYPORT_SSH_URL"`
	TLSCert       string `name:"tls-cert" help:"A certificate chain (PEM); without it, plain HTTP." placeholder:"FILE" env:"SALLYPORT_TLS_CERT"`
	TLSKey        string `name:"tls-key" help:"The certificate's key (PEM)." placeholder:"FILE" env:"SALLYPORT_TLS_KEY"`

	TrustedProxies []Network `help:"Networks whose X-Forwarded-For is believed." placeholder:"CIDR,…" env:"SALLYPORT_TRUSTED_PROXIES"`

	Mail     string `help:"The mail server: smtp://user:password@host:port or smtps://…; without it, mails are files in the data folder." placeholder:"URL" env:"SALLYPORT_MAIL"`
	MailFrom string `help:"Who mails come from." default:"Sallyport <sallyport@localhost>" placeholder:"ADDRESS" env:"SALLYPORT_MAIL_FROM"`

	Signup      string `help:"Who may make an account: open, invite or closed." enum:"open,invite,closed" default:"invite" env:"SALLYPORT_SIGNUP"`
	DefaultPlan string `help:"The plan of new workspaces: free, standard or premium." enum:"free,standard,premium" default:"premium" env:"SALLYPORT_DEFAULT_PLAN"`

	Issuer           string `help:"The identity provider that signs people in to Code; without it, Account." placeholder:"URL" env:"SALLYPORT_ISSUER"`
	ClientID         string `name:"client-id" help:"Code's client id there." default:"code" placeholder:"ID" env:"SALLYPORT_CLIENT_ID"`
	ClientSecretFile string `help:"The file with Code's client secret there." placeholder:"FILE" env:"SALLYPORT_CLIENT_SECRET_FILE"`

	MaxPush Size `help:"The largest push." default:"1GiB" placeholder:"SIZE" env:"SALLYPORT_MAX_PUSH"`

	ImportFrom       []string `help:"Addresses below which repositories may be imported from, such as https://git.example.com/team, ssh://git@git.example.com/team or file:///srv/mirrors; none: from files alone." placeholder:"URL,…" env:"SALLYPORT_IMPORT_FROM"`
	ImportKey        string   `help:"The private SSH key to import by ssh:// with; give its public key to the other side." placeholder:"FILE" env:"SALLYPORT_IMPORT_KEY"`
	ImportKnownHosts string   `help:"The keys of the hosts that are imported from by ssh://, as ssh-keyscan prints them." placeholder:"FILE" env:"SALLYPORT_IMPORT_KNOWN_HOSTS"`

	MaxRepository Size `help:"The most that the git data of one repository may hold." default:"10GiB" placeholder:"SIZE" env:"SALLYPORT_MAX_REPOSITORY"`
	MaxRefs       int  `help:"The most branches and tags of one repository." default:"50000" placeholder:"NUMBER" env:"SALLYPORT_MAX_REFS"`

	LogLevel  string `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"SALLYPORT_LOG_LEVEL"`
	LogFormat string `help:"text or json." enum:"text,json" default:"text" env:"SALLYPORT_LOG_FORMAT"`
}

// OneListener reports whether both sites stand behind one address. Two wishes
// for a free port are two addresses.
func (s *Serve) OneListener() bool {
	_, port, _ := net.SplitHostPort(s.CodeListen)
	return s.CodeListen == s.AccountListen && port != "0"
}

// Validate says what doesn't fit together, before anything is started.
func (s *Serve) Validate() error {
	for _, check := range []error{
		address("code-listen", s.CodeListen), address("account-listen", s.AccountListen),
		site("code-url", s.CodeURL), site("account-url", s.AccountURL), sshSite(s.SSHURL),
	} {
		if check != nil {
			return check
		}
	}
	if s.SSHListen != "" {
		if err := address("ssh-listen", s.SSHListen); err != nil {
			return err
		}
	}
	switch {
	case slices.ContainsFunc(s.ImportFrom, func(from string) bool { return !importable(from) }):
		return fmt.Errorf("--import-from: %q isn't right; give scheme, host and path alone, such as https://git.example.com/team or file:///srv/mirrors", s.ImportFrom)
	case slices.ContainsFunc(s.ImportFrom, bySSH) && (readable(s.ImportKey) != nil || readable(s.ImportKnownHosts) != nil):
		return fmt.Errorf("--import-from: importing by ssh:// needs --import-key and --import-known-hosts, two files that this program can read: %w", cmp.Or(readable(s.ImportKey), readable(s.ImportKnownHosts)))
	case s.MaxRefs < 1:
		return fmt.Errorf("--max-refs: %d is too few; give how many branches and tags one repository may have, such as 50000", s.MaxRefs)
	case s.SSHListen == "" && s.SSHURL != "":
		return errors.New("--ssh-url needs --ssh-listen, which is empty: SSH is off")
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together; give both or neither")
	case s.OneListener() && (s.CodeURL == "" || s.AccountURL == "" || hostOf(s.CodeURL) == hostOf(s.AccountURL)):
		return fmt.Errorf("both sites listen on %s; give --code-url and --account-url with different hosts, or different listening addresses", s.CodeListen)
	case s.Issuer != "" && s.ClientSecretFile == "":
		return errors.New("--issuer needs --client-id and --client-secret-file, which that provider gave for Code")
	case s.Issuer == "" && s.ClientSecretFile != "":
		return errors.New("--client-secret-file is for another identity provider; give its --issuer too")
	}
	if s.Issuer != "" {
		if at, err := url.Parse(s.Issuer); err != nil || at.Host == "" || (at.Scheme != "https" && at.Scheme != "http") {
			return fmt.Errorf("--issuer: %q is no address; give the provider's issuer URL, such as https://id.example.com", s.Issuer)
		}
	}
	return nil
}

func address(flag, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("--%s: %q is no address to listen on; give HOST:PORT, such as 127.0.0.1:8080", flag, value)
	}
	return nil
}

func site(flag, value string) error {
	if value == "" {
		return nil
	}
	at, err := url.Parse(value)
	if err != nil || at.Host == "" || (at.Scheme != "https" && at.Scheme != "http") ||
		at.Path != "" || at.RawQuery != "" || at.Fragment != "" || at.User != nil {
		return fmt.Errorf("--%s: %q is no site's address; give scheme and host alone, such as https://code.example.com", flag, value)
	}
	return nil
}

func sshSite(value string) error {
	if value == "" {
		return nil
	}
	at, err := url.Parse(value)
	if err != nil || at.Scheme != "ssh" || at.Hostname() == "" || at.Path != "" || at.RawQuery != "" || at.Fragment != "" || at.User != nil {
		return fmt.Errorf("--ssh-url: %q is no SSH address; give scheme, host and port alone, such as ssh://code.example.com:2222", value)
	}
	return nil
}

// importable reports whether an address can have repositories below it.
func importable(value string) bool {
	at, err := url.Parse(value)
	if err != nil || at.RawQuery != "" || at.Fragment != "" || strings.ContainsAny(value, "%\\ ") {
		return false
	}
	if bySSH(value) {
		_, password := at.User.Password()
		return at.User.Username() != "" && !password && at.Hostname() != ""
	}
	return at.User == nil && ((at.Scheme == "https" || at.Scheme == "http") && at.Hostname() != "" || at.Scheme == "file" && at.Host == "" && at.Path != "")
}

func bySSH(address string) bool { return strings.HasPrefix(address, "ssh://") }

func readable(file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	return opened.Close()
}

func hostOf(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return at.Host
}

// ClientSecret reads the secret that another identity provider gave.
func (s *Serve) ClientSecret() (string, error) {
	text, err := os.ReadFile(s.ClientSecretFile)
	if err != nil {
		return "", fmt.Errorf("--client-secret-file: %w; put the secret there, readable by this program", err)
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" {
		return "", fmt.Errorf("--client-secret-file: %s is empty; put the secret there", s.ClientSecretFile)
	}
	return secret, nil
}

// Proxies gives the trusted networks.
func (s *Serve) Proxies() []netip.Prefix {
	prefixes := make([]netip.Prefix, len(s.TrustedProxies))
	for i, n := range s.TrustedProxies {
		prefixes[i] = netip.Prefix(n)
	}
	return prefixes
}

// Logger gives the log, on standard error.
func (s *Serve) Logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		panic(err) // kong has checked it against the enum
	}
	options := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}
