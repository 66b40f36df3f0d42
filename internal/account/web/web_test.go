package web

import (
	"testing"
	"time"

	"sallyport.dev/internal/account/admin"
	"sallyport.dev/internal/account/person"
	"sallyport.dev/internal/account/provider"
	"sallyport.dev/internal/account/signin"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/factor"
	"sallyport.dev/internal/ui"
	"sallyport.dev/internal/ui/uitest"
)

func TestEveryPageFitsItsStruct(t *testing.T) {
	pages, err := parsePages()
	if err != nil {
		t.Fatal(err)
	}
	refused := ui.Refused(map[string][]string{"email": {"a@example.com"}}, errs.Invalid("email", "No."))
	uitest.Check(t, pages, map[string][]any{
		"signin.html":           {signInPage{}, signInPage{Form: refused, Flow: "f", App: "Code", SignUp: "/signup?flow=f"}},
		"continue.html":         {continuePage{}, continuePage{App: "Wiki", Allows: []string{"See your name"}}},
		"signup.html":           {signUpPage{}, signUpPage{Form: refused, Flow: "f", App: "Code", Invited: "a@example.com", SignIn: "/signin"}},
		"mailed.html":           {mailedPage{"a@example.com"}},
		"confirm.html":          {linkPage{Kind: person.KindSignUp}, linkPage{Kind: person.KindEmail, Form: refused}},
		"forgotten.html":        {forgottenPage{}, forgottenPage{Form: refused, Flow: "f", SignIn: "/signin"}},
		"forgotten-mailed.html": {forgottenMailedPage{"a@example.com", "/forgotten"}},
		"reset.html":            {linkPage{Kind: person.KindReset}, linkPage{Kind: person.KindReset, Form: refused}},
		"lost.html":             {lostPage{Email: "a@example.com", Back: "/signin/verify"}, lostPage{Reset: factor.Reset{Holder: "x", Begun: time.Now()}}, lostPage{Reset: factor.Reset{Stage: factor.ResetReady}}},
		"reset-mfa.html":        {resetPage{Token: "t"}, resetPage{Token: "t", Stop: true}},
		"people.html": {
			peoplePage{Form: refused, Search: "a", Next: "/x", Waiting: 2, People: []admin.Row{{MFA: true}, {Person: person.Person{Administrator: true, Suspended: true}}}},
			peoplePage{},
		},
		"approvals.html": {approvalsPage{Problem: "No", Approvals: []approvalLine{{May: true}, {Mine: true}, {}}}, approvalsPage{}},
		"policy.html":    {policyPage{Form: refused, From: time.Now(), InForce: true, Count: policyCount{People: 3, Concerned: 2, Missing: 1}}, policyPage{From: time.Now()}, policyPage{Fix: "/x"}},
		"person.html": {
			personPage{Problem: "No", Emails: []person.Email{{Main: true}, {}}, Acts: []actButton{{Act: admin.Suspend, Danger: true}, {Two: true}}, Activity: []activityLine{{Who: "x"}}},
			personPage{Own: true},
		},
		"sessions.html": {
			sessionsPage{},
			sessionsPage{Idle: "7 days", Sessions: []sessionLine{{Listed: signin.Listed{Current: true}, Here: true}, {Browser: "Firefox"}}},
		},
		"launcher.html": {launcherPage{}, launcherPage{[]provider.Launch{{Name: "Code", Address: "https://code.test/"}}}},
		"used.html":     {usedPage{}, usedPage{[]provider.Used{{App: provider.App{ID: "1", Name: "Wiki", ThirdParty: true}, Allows: []string{"See your name"}}}}},
		"device.html": {
			devicePage{},
			devicePage{Form: refused},
			devicePage{Found: true, Device: provider.Device{Code: "BCDF-GHJK", Allows: []string{"See your name"}, App: provider.App{ThirdParty: true}}},
		},
		"endsession.html": {endSessionPage{}, endSessionPage{App: "Wiki", Person: "Ada"}},
		"adminapps.html":  {appsPage{}, appsPage{[]provider.App{{ID: "1", Name: "Wiki"}, {ID: "code", MayInvite: true, Public: true}}}},
		"adminapp.html": {
			registeredPage{},
			registeredPage{Form: refused, App: provider.App{ID: "1", Name: "Wiki"}, Made: "secret"},
			registeredPage{App: provider.App{ID: "code", MayInvite: true}},
		},
		"activity.html":     {activityPage{}, activityPage{Lines: []activityLine{{What: "Signed in"}, {Who: "Bob", From: "::1"}}, Older: 7}},
		"setup.html":        {linkPage{Kind: person.KindSetUp}, linkPage{Kind: person.KindInvite, Form: refused}},
		"profile.html":      {profilePage{}, profilePage{Form: refused, Emails: []person.Email{{Address: "a@example.com", Main: true}, {Address: "b@example.com"}}}},
		"security.html":     {securityPage{}, securityPage{Form: refused, Change: true, MFA: signin.MFA{Factors: []factor.Factor{{ID: "f", Label: "Phone"}}}, Browsers: []trustedLine{{Browser: "Firefox"}}}},
		"verify.html":       {verifyPage{}, verifyPage{Password: true, Form: refused, Other: "/signin"}, verifyPage{Verify: ui.Verify{Key: ui.KeyForm{Button: "Use"}}}},
		"mfa.html":          {mfaPage{}, mfaPage{On: true, Required: true, Problem: "No."}},
		"mfa-app.html":      {appPage{}},
		"mfa-key.html":      {keyPage{}},
		"mfa-codes.html":    {codesPage{}, codesPage{Steps: enrolSteps(2, false)}},
		"mfa-factor.html":   {factorPage{}, factorPage{One: ui.OneFactor{Only: true}}},
		"mfa-recovery.html": {recoveryPage{3}},
		"mfa-turnoff.html":  {turnOffPage{}, turnOffPage{"No."}},
	})
}
