package ui

import (
	"html/template"
	"net/url"
	"strings"
)

// Button is a form's button: the fragment "submit".
type Button struct {
	Text   string
	Danger bool
	Name   string // sent with Value when this button was pressed; may be empty
	Value  string
}

// Badge is a small mark beside a thing: the fragment "badge".
type Badge struct {
	Kind string // "good", "bad" or empty
	Icon string
	Text string
}

// Copy is a text to copy, such as a command: the fragment "copy".
type Copy struct {
	Label string // what it is, for those who can't see it: "Clone over HTTPS"
	Text  string
}

// Empty is what stands where there is nothing yet, and the next step: the fragment "empty".
type Empty struct {
	Icon  string
	Title string
	Text  string
	Link  Link
}

// CodeForm asks for a one-time code: the fragment "code-form".
type CodeForm struct {
	Action string
	Hidden []Hidden
	Field  string // name of the field; empty: "code"
	Label  string // empty: "Verification code"
	Hint   string
	Error  string
	Button Button // empty: "Verify"
	Text   bool   // the code has letters too: a recovery code
	Links  []Link // other ways
	Tick   Field  // a box to tick beside it; zero: none

	second bool // there is something to do before typing the code
}

// Input is the code's field.
func (c CodeForm) Input() Field {
	f := Field{
		Type: "text", Name: c.Field, Label: c.Label, Hint: c.Hint, Error: c.Error,
		Autocomplete: "one-time-code", Inputmode: "numeric",
		Required: true, Autofocus: !c.second || c.Error != "", Mono: true,
	}
	if f.Name == "" {
		f.Name = "code"
	}
	if f.Label == "" {
		f.Label = "Verification code"
	}
	if c.Text {
		f.Inputmode, f.Autocomplete = "text", "off"
	}
	return f
}

// Submit is the form's button.
func (c CodeForm) Submit() Button {
	if c.Button.Text == "" {
		c.Button.Text = "Verify"
	}
	return c.Button
}

// Steps is the progress of something done in a few steps: the fragment "steps".
type Steps struct {
	Names []string
	At    int // index of the step that the person is at
}

// TOTPSetup shows the QR code and the key, and asks for the first code: the
// fragment "totp-setup".
type TOTPSetup struct {
	QR     template.HTML // an SVG
	Secret string        // base32, without spaces
	URI    template.URL  // otpauth://…, for a phone that shows this page itself
	Form   CodeForm
}

// Ask is the form for the first code, which comes after scanning.
func (t TOTPSetup) Ask() CodeForm {
	t.Form.second = true
	return t.Form
}

// Grouped is the key in groups of four, to be typed.
func (t TOTPSetup) Grouped() string {
	var b strings.Builder
	for i, r := range t.Secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// RecoveryCodes shows new codes once: the fragment "recovery-codes".
type RecoveryCodes struct {
	Codes    []string
	Heading  string // first line of the saved file: "Recovery codes for alice on Code"
	FileName string // "sallyport-code-recovery-codes.txt"
	Action   string // where "I have saved them" posts
	Hidden   []Hidden
}

// Text is the codes as they are saved and copied.
func (r RecoveryCodes) Text() string {
	return r.Heading + "\n\n" + strings.Join(r.Codes, "\n") + "\n\nEach works once, in place of a code from your app.\n"
}

// Download is the address of the codes as a file, which needs no script and no
// second request: the codes are shown once and not kept.
func (r RecoveryCodes) Download() template.URL {
	//nolint:gosec // our own text, escaped whole
	return template.URL("data:text/plain;charset=utf-8," + url.PathEscape(r.Text()))
}

// Blocked is the page that a blocked person sees: the fragment "blocked". It
// names the rule in one sentence, why it applies now, and the way in.
type Blocked struct {
	Title  string // "You've been temporarily blocked from this page"
	Of     string // the name of what has the rule: a workspace
	Rule   string
	Why    string
	Action Link   // the one button
	Ways   []Link // what may still be done
	Forms  []PostLink
}

// PostLink is a link that changes something, and so is a form.
type PostLink struct {
	Text   string
	Action string
	Hidden []Hidden
}
