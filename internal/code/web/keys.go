package web

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/user"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/ui"
)

// SSH is how Code is reached over SSH. Its zero value is not at all.
type SSH struct {
	URL          string   // ssh://host:port
	Fingerprints []string // of the host's keys, as "SHA256:… (ED25519)"
}

// On reports whether there is a door for SSH.
func (s SSH) On() bool { return s.URL != "" }

// address is where git finds a path: in the short form where the port is SSH's own.
func (s SSH) address(path string) string {
	at, err := url.Parse(s.URL)
	if err != nil || at.Host == "" {
		return ""
	}
	if port := at.Port(); port != "" && port != "22" {
		return "ssh://git@" + at.Host + path
	}
	return "git@" + at.Hostname() + ":" + strings.TrimPrefix(path, "/")
}

// keysPage is the page of a person's SSH keys, and of a repository's deploy keys.
type keysPage struct {
	Title, Intro string
	Path         string // where its form is sent
	Below        string // where the forms of one key are sent
	Deploy       bool
	Off          bool // there is no door for SSH
	Refused      bool // the workspace refuses machine credentials
	Form         ui.Form
	Access       []ui.Option
	Expiry       []ui.Option
	Keys         []keyLine
	Asking       []string // workspaces that ask for a second step over SSH
	Host         []string // fingerprints
	Address      string   // of this browser
}

type keyLine struct {
	user.Key
	Over bool
}

// Rename is the field for another name.
func (k keyLine) Rename() ui.Field {
	return ui.Field{Type: "text", Name: "label", Key: k.ID, Label: "New name", Value: k.Label, Required: true, Autocomplete: "off"}
}

const keysPath = "/account/settings/ssh-keys/"

func deployKeysPath(g access.Grant) string { return repositoryPath(g) + "/admin/deploy-keys" }

func keyForm() ui.Form { return ui.Filled("access", "read", "expires", "0") }

func (s *Site) showKeys(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, keyForm())
	if err != nil {
		return err
	}
	return s.keysAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) keysAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	keys, err := s.Users.Keys(r.Context(), g)
	if err != nil {
		return err
	}
	asking, err := s.Users.WorkspacesAskingOverSSH(r.Context(), g)
	if err != nil {
		return err
	}
	page := s.keys(keys, form)
	page.Title, page.Path, page.Below = "SSH keys", keysPath, keysPath
	page.Intro = "Git comes in over SSH with a key. Add the public key of each machine that you work on; the private one never leaves it."
	page.Asking, page.Address = asking, g.Actor().Address.String()
	return s.render(w, r, status, "keys.html", s.personal(r, page.Title, keysPath), page)
}

// keysProblem says above an untouched form what was wrong with another one.
func (s *Site) keysProblem(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	again := keyForm()
	for _, problem := range form.Errors {
		again.Errors = map[string]string{"": problem}
	}
	return s.keysAgain(w, r, g, again, status)
}

func (s *Site) showDeployKeys(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, keyForm())
	if err != nil {
		return err
	}
	return s.deployKeysAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) deployKeysAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	keys, err := s.Users.DeployKeys(r.Context(), g)
	if err != nil {
		return err
	}
	page := s.keys(keys, form)
	page.Title, page.Path, page.Below = "Deploy keys", deployKeysPath(g), deployKeysPath(g)+"/"
	page.Intro = "A deploy key belongs to nobody: with it a machine can read this repository over SSH, and push to it where you let it. It needs no second step, so keep it on that machine alone."
	page.Deploy, page.Refused = true, g.Workspace().Policy.RefuseMachines
	return s.render(w, r, status, "keys.html", s.adminOf(r, g, page.Title, "/deploy-keys"), page)
}

// keys is what both pages share. A private key that was pasted isn't shown again.
func (s *Site) keys(keys []user.Key, form ui.Form) keysPage {
	if user.PrivateKey(form.Value("key")) {
		form.Values = maps.Clone(form.Values)
		form.Values.Del("key")
	}
	page := keysPage{
		Off: !s.SSH.On(), Form: form, Host: s.SSH.Fingerprints,
		Access: []ui.Option{{Value: "read", Label: "Read only"}, {Value: "write", Label: "Read and write", Hint: "It can push to every branch."}},
		Expiry: []ui.Option{{Value: "0", Label: "Never"}},
	}
	for _, days := range []int{30, 90, 365} {
		page.Expiry = append(page.Expiry, ui.Option{Value: strconv.Itoa(days), Label: "In " + strconv.Itoa(days) + " days"})
	}
	for _, k := range keys {
		page.Keys = append(page.Keys, keyLine{k, k.Expired(s.Clock())})
	}
	return page
}

func (s *Site) keyInput(r *http.Request) (user.KeyInput, error) {
	in := user.KeyInput{Text: r.PostFormValue("key"), Label: r.PostFormValue("label"), Writable: r.PostFormValue("access") == "write"}
	days, err := strconv.Atoi(r.PostFormValue("expires"))
	if err != nil || days < 0 || days > 365 {
		return in, errs.Invalid("expires", "Choose one of the times.")
	}
	if days > 0 {
		in.Expires = s.Clock().Add(time.Duration(days) * 24 * time.Hour)
	}
	return in, nil
}

func (s *Site) addKey(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	in, err := s.keyInput(r)
	if err != nil {
		return err
	}
	if _, err := s.Users.AddKey(r.Context(), g, in); err != nil {
		return err
	}
	return s.done(w, r, keysPath, "keyadded")
}

func (s *Site) renameKey(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.RenameKey(r.Context(), g, r.PostFormValue("id"), r.PostFormValue("label")); err != nil {
		return err
	}
	return s.done(w, r, keysPath, "saved")
}

func (s *Site) verifyKey(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.VerifyKey(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, keysPath, "keyverified")
}

func (s *Site) removeKey(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.RemoveKey(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, keysPath, "keyremoved")
}

func (s *Site) addDeployKey(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	in, err := s.keyInput(r)
	if err != nil {
		return err
	}
	if _, err := s.Users.AddDeployKey(r.Context(), g, in); err != nil {
		return err
	}
	return s.done(w, r, deployKeysPath(g), "keyadded")
}

func (s *Site) removeDeployKey(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Users.RemoveDeployKey(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, deployKeysPath(g), "keyremoved")
}
