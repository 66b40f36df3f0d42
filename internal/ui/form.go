package ui

import (
	"net/url"

	"sallyport.dev/internal/errs"
)

// Form is what was typed into a form and what is wrong with it. The zero value
// is an untouched form. Its methods make the fields, in templates:
//
//	{{template "field" (.Form.Text "name" "Name" | required | hint "Shown to others.")}}
type Form struct {
	Values url.Values
	Errors map[string]string
}

// Refused makes the form as it was typed, with each error beside its field.
// An error without a field of its own stands above the form.
func Refused(typed url.Values, err error) Form {
	return Form{Values: typed, Errors: errs.Fields(err)}
}

// Filled makes an untouched form that already holds values.
func Filled(pairs ...string) Form {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return Form{Values: values}
}

// Value is what was typed into the field.
func (f Form) Value(name string) string { return f.Values.Get(name) }

// Message is what is wrong with the form as a whole; empty: nothing.
func (f Form) Message() string { return f.Errors[""] }

// Failed reports whether anything is wrong.
func (f Form) Failed() bool { return len(f.Errors) > 0 }

func (f Form) field(kind, name, label string) Field {
	return Field{
		Type: kind, Name: name, Label: label,
		Value: f.Values.Get(name), Error: f.Errors[name],
	}
}

// Text is a line of text.
func (f Form) Text(name, label string) Field { return f.field("text", name, label) }

// Email is an address.
func (f Form) Email(name, label string) Field { return f.field("email", name, label) }

// Lines is a text of several lines.
func (f Form) Lines(name, label string) Field { return f.field("textarea", name, label) }

// Password is a password; what was typed is never given back.
func (f Form) Password(name, label string) Field {
	field := f.field("password", name, label)
	field.Value = ""
	return field
}

// Code is a one-time code; what was typed is never given back.
func (f Form) Code(name, label string) Field {
	field := f.field("text", name, label)
	field.Value, field.Mono, field.Inputmode = "", true, "numeric"
	field.Autocomplete = "one-time-code"
	return field
}

// Checkbox is one box to tick; it sends value.
func (f Form) Checkbox(name, value, label string) Field {
	field := f.field("checkbox", name, label)
	field.Value = value
	for _, each := range f.Values[name] {
		field.Checked = field.Checked || each == value
	}
	return field
}

// Choice is one of several options, as radio buttons.
func (f Form) Choice(name, label string, options []Option) Field {
	field := f.field("radio", name, label)
	field.Options = options
	return field
}

// Select is one of several options, as a list.
func (f Form) Select(name, label string, options []Option) Field {
	field := f.field("select", name, label)
	field.Options = options
	return field
}

// Field is one field of a form with its label, hint and error.
type Field struct {
	Type         string // text, email, password, url, textarea, checkbox, radio, select
	Name         string
	Key          string // tells fields of one name apart; empty where there is one
	Label        string
	Value        string
	Hint         string
	Error        string
	Autocomplete string
	Inputmode    string
	Placeholder  string
	List         string // id of a <datalist> with proposals
	Required     bool
	Autofocus    bool
	Checked      bool
	Mono         bool
	Rows         int // of a textarea; 0: 4
	Options      []Option
}

// Option is one option of a choice.
type Option struct {
	Value string
	Label string
	Hint  string
}

// ID is the id of the input; the hint and the error hang on to it.
func (f Field) ID() string {
	if f.Key != "" {
		return f.OptionID(f.Key)
	}
	return "f-" + f.Name
}

// OptionID is the id of one radio button.
func (f Field) OptionID(value string) string { return "f-" + f.Name + "-" + value }

// Described lists the ids of what describes the input, for aria-describedby.
func (f Field) Described() string {
	switch {
	case f.Hint != "" && f.Error != "":
		return f.ID() + "-error " + f.ID() + "-hint"
	case f.Error != "":
		return f.ID() + "-error"
	case f.Hint != "":
		return f.ID() + "-hint"
	default:
		return ""
	}
}

// Hidden is a hidden field of a form.
type Hidden struct{ Name, Value string }
