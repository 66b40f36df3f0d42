package ui

import "html/template"

// Shell is everything around a page.
type Shell struct {
	Site  string // "Code" or "Account"
	Title string // of the window; the page has its own h1

	Person  string // the name of who is signed in; empty: nobody
	Menu    []Link // entries of the person's menu, above "Sign out"
	SignOut string // where the sign-out form posts; empty: "/logout"
	SignIn  string // the link for nobody; empty: no link

	Nav    []Link // main links of the site, beside its name
	Crumbs []Link // the way to this page, from outside in; the last may have no Href
	Side   []Link // links beside the page: the pages of a settings area
	Tabs   []Link // links above the page: the views of one thing

	Banner Notice // said at the top of each page while it holds; empty: nothing
	Notice Notice // said once at the top; empty: nothing

	RequestID string // shown in the footer where it isn't empty: on errors
	Wide      bool   // as wide as the window: code
	Narrow    bool   // one column for a form or a message
}

// Framed is what the shell's template is executed with.
type Framed struct {
	Shell
	Body template.HTML
}

// Width is the class of the page's column.
func (f Framed) Width() string {
	switch {
	case f.Wide:
		return "wide"
	case f.Narrow:
		return "narrow"
	default:
		return ""
	}
}

// SignOutPath is where the sign-out form posts.
func (f Framed) SignOutPath() string {
	if f.SignOut == "" {
		return "/logout"
	}
	return f.SignOut
}

// Link is a link in a menu, a breadcrumb, a page.
type Link struct {
	Text    string
	Href    string
	Icon    string // name of an icon; may be empty
	Current bool   // this is where the person is
}

// Notice is one sentence in a box. Kind is "info", "good" (something is proven
// or done), "bad" (blocked or dangerous) or "warn".
type Notice struct {
	Kind string
	Text string
	Link Link // may be empty
}

// Icon is the icon that goes with the kind.
func (n Notice) Icon() string {
	switch n.Kind {
	case "good":
		return "check"
	case "bad", "warn":
		return "alert"
	default:
		return "info"
	}
}

// Class is the class that goes with the kind.
func (n Notice) Class() string {
	switch n.Kind {
	case "good", "bad", "warn":
		return n.Kind
	default:
		return "info"
	}
}
