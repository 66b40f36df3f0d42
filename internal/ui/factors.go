package ui

import "time"

// KeyForm asks for a security key or passkey: the fragment "key-form". The
// script keys.js gets the options by a POST, has the browser ask the key, and
// sends the form with what the key answered.
type KeyForm struct {
	Do      string // "create" or "get"
	Action  string // where the answer is sent
	Options string // where the script gets what to ask
	Hidden  []Hidden
	Label   Field // asks for a name for a new key; zero: doesn't
	Button  string
	Plain   bool   // the button isn't the page's main one
	Offer   bool   // also offered where the browser fills in the email (conditional mediation)
	Error   string // what was wrong with the last answer
	Without string // what to do without JavaScript
	Links   []Link // other ways
}

// Verify asks for a second step, the strongest way first: the fragment
// "verify". It is the form for a key where that has a button, else that for a code.
type Verify struct {
	Title string
	Why   string
	Key   KeyForm
	Code  CodeForm
}

// Factor is one second step in a list.
type Factor struct {
	Label       string
	Key         bool   // a security key or passkey
	Kind        string // "Authenticator app"
	Added, Used time.Time
	Off         bool   // after too many wrong codes
	Href        string // where it is renamed or removed
}

// Icon is the icon that goes with the kind.
func (f Factor) Icon() string {
	if f.Key {
		return "key"
	}
	return "phone"
}

// Factors is the list of somebody's second steps: the fragment "factors".
type Factors struct {
	Rows         []Factor
	RecoveryLeft int
	Recovery     string // the page that makes new recovery codes
	Add          string // the page that adds a second step
}

// FactorChoice lets somebody choose a new second step: the fragment
// "factor-choice".
type FactorChoice struct {
	Key    string // the page that adds a key; empty: the site's address takes none
	App    string // where setting up an authenticator app begins
	Hidden []Hidden
}

// OneFactor renames or removes one second step: the fragment "one-factor".
type OneFactor struct {
	Form   Form
	Action string // takes "act" with rename or remove
	Hidden []Hidden
	Back   string
	Only   bool   // it is the only one
	Off    string // the page that turns the whole off
}

// Name is the field of its name.
func (o OneFactor) Name() Field {
	f := o.Form.Text("label", "Name")
	f.Required, f.Hint = true, "Such as the device that it is on."
	return f
}
