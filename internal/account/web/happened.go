package web

import (
	"fmt"
	"strings"

	"sallyport.dev/internal/account/admin"
	"sallyport.dev/internal/account/signin"
)

// happened puts an action of the audit log into words. about names whom it was
// done to, where that is somebody else than the one who reads.
func happened(action, about string, detail map[string]any) string {
	text := func(key string) string {
		value, _ := detail[key].(string)
		return value
	}
	words := map[string]string{
		"person.setup":           "Made the first account of this site",
		"person.signup":          "Signed up",
		"person.create":          "The account was made",
		"person.accept":          "Chose the first password",
		"person.rename":          "Changed the name",
		"person.suspend":         "The account was suspended",
		"person.resume":          "The account was let in again",
		"email.add":              "Added the address " + text("address"),
		"email.main":             "Made " + text("address") + " the main address",
		"email.remove":           "Removed the address " + text("address"),
		"password.change":        "Changed the password",
		"password.reset":         "Chose a new password with a mailed link",
		"password.recovery_link": "A link to choose a new password was mailed",
		"session.open":           "Signed in" + with(detail["methods"]),
		"session.end":            "Signed out",
		"session.raise":          "Proved more" + with(detail["methods"]),
		"session.second_step":    "Took the second step",
		"mfa.on":                 "Turned MFA on",
		"mfa.off":                "Turned MFA off",
		"mfa.recovery_codes":     "Made new recovery codes",
		"factor.add":             "Added a second step",
		"factor.remove":          "Removed a second step",
		"factor.rename":          "Renamed a second step",
		"factor.sign_count":      "Used a security key whose count didn't grow: there may be a copy of it",
		"browser.trust":          "Trusted a browser with the second step",
		"browser.distrust":       "Had the second step asked for again on a browser",
		"session.end_one":        "Signed out another browser",
		"session.end_others":     "Signed out every other browser",
		"person.promote":         "Was made an administrator",
		"person.demote":          "Was made an ordinary person",
		"approval.ask":           "Asked a second administrator: " + act(text("act")),
		"approval.give":          "A second administrator approved: " + act(text("act")),
		"approval.refuse":        "An administrator refused: " + act(text("act")),
		"site.policy":            "Changed the rules of this site",
		"password.off":           "The password was turned off in strange browsers, after too many wrong ones",
		"mfa.reset":              "Every second step was removed",
		"mfa.reset_begin":        "Said that the second step is lost: its reset began",
		"mfa.reset_stop":         "The reset of the second steps was stopped",
		"app.agree":              "Let an app sign in with this account",
		"app.revoke":             "Took from an app what it was given",
		"app.create":             "Registered an app",
		"app.update":             "Changed an app",
		"app.secret":             "Gave an app a new secret",
		"app.delete":             "Deleted an app",
		"device.yes":             "Signed a device in to an app",
		"device.no":              "Refused a device",
		"grant.reused":           "An app used a code or token twice, so what it was given ended",
		"key.rotate":             "Changed the key that apps are signed in with",
	}[action]
	if words == "" {
		words = strings.NewReplacer(".", ": ", "_", " ").Replace(action)
	}
	if about != "" {
		words += " (" + about + ")"
	}
	return words
}

func act(name string) string { return strings.ToLower(admin.Act(name).Words()) }

// with says by which methods somebody signed in.
func with(methods any) string {
	list, _ := methods.([]any)
	if len(list) == 0 {
		return ""
	}
	words := make([]string, len(list))
	for i, m := range list {
		words[i] = methodWord(signin.Method(fmt.Sprint(m)))
	}
	return " with " + strings.Join(words, " and ")
}
