package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// These commands are several steps that scripts take again and again, all of
// them through the pages and the programs that people use.

// person WHO makes the person WHO@example.com by the operator's command and
// signs them in to Code, where they choose WHO as their username.
func cmdPerson(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	who := one(ts, args, "person WHO")
	name := strings.ToUpper(who[:1]) + who[1:]
	create := exec.Command(filepath.Join(programDir(ts), "sallyport"), "admin", "person", "create",
		"--email", who+"@example.com", "--name", name, "--account-url", ts.Getenv("ACCOUNT"), "--code-url", ts.Getenv("CODE"))
	create.Env, create.Stdin = environment(ts), strings.NewReader(ts.Getenv("PASSWORD")+"\n")
	if out, err := create.CombinedOutput(); err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
	cmdSignIn(ts, false, []string{who})
	cmdPress(ts, false, []string{who, "Continue", "Username=" + who})
}

// signin WHO [JAR] signs WHO@example.com in to Code with the browser JAR (WHO),
// and stops where that leads.
func cmdSignIn(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: signin WHO [JAR]")
	}
	jar := args[len(args)-1]
	cmdVisit(ts, false, []string{jar, ts.Getenv("CODE") + "/login"})
	cmdPress(ts, false, []string{jar, "Sign in", "Email=" + args[0] + "@example.com", "Password=" + ts.Getenv("PASSWORD")})
}

var typedKey = regexp.MustCompile(`(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}`)

// enrol WHO turns two-step verification on, beginning on the page that is open
// where it has the button, and stops where that leads. The app's key is then
// in $KEY_WHO, the recovery codes in WHO.codes.
func cmdEnrol(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	who := one(ts, args, "enrol WHO")
	enrolAt(ts, who, "KEY_"+who, who+".codes", ts.Getenv("CODE")+"/account/settings/two-step-verification/")
}

// mfa WHO turns the account's own MFA on, beginning on the page that is open
// where it has the button, and stops where that leads. The app's key is then
// in $MFA_WHO, the recovery codes in WHO.account-codes.
func cmdMFA(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	who := one(ts, args, "mfa WHO")
	enrolAt(ts, who, "MFA_"+who, who+".account-codes", ts.Getenv("ACCOUNT")+"/manage-profile/security/mfa")
}

func enrolAt(ts *testscript.TestScript, who, variable, file, address string) {
	const button = "Set up an authenticator app"
	b := browserOf(ts, who)
	if _, err := formWith(b.page, button); err != nil {
		cmdVisit(ts, false, []string{who, address})
	}
	cmdPress(ts, false, []string{who, button})
	key := typedKey.FindString(textOf(b.page))
	if key == "" {
		ts.Fatalf("there is no key on %s:\n%s", b.at, textOf(b.page))
	}
	ts.Setenv(variable, key)
	cmdOTP(ts, false, []string{key})
	cmdPress(ts, false, []string{who, "Verify", "Verification code=" + ts.Getenv("OTP")})
	var codes []string
	walkText(b.page, "codes", func(text string) { codes = append(codes, text) })
	if len(codes) != 10 {
		ts.Fatalf("there are %d recovery codes on %s:\n%s", len(codes), b.at, textOf(b.page))
	}
	write(ts, file, strings.Join(codes, "\n")+"\n")
	cmdPress(ts, false, []string{who, "I have saved them"})
}

// workspace WHO SLUG makes a workspace.
func cmdWorkspace(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: workspace WHO SLUG")
	}
	cmdVisit(ts, false, []string{args[0], ts.Getenv("CODE") + "/workspaces/new"})
	cmdPress(ts, false, []string{args[0], "Create workspace", "Name=" + args[1], "Address=" + args[1]})
	landed(ts, "/"+args[1], "200")
}

// repository WHO WORKSPACE/NAME [public] makes a repository.
func cmdRepository(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: repository WHO WORKSPACE/NAME [public]")
	}
	workspace, name, _ := strings.Cut(args[1], "/")
	cmdVisit(ts, false, []string{args[0], ts.Getenv("CODE") + "/" + workspace + "/workspace/create-repository"})
	fields := []string{args[0], "Create repository", "Name=" + name}
	if len(args) == 3 {
		fields = append(fields, "visibility=public")
	}
	cmdPress(ts, false, fields)
	landed(ts, "/"+args[1], "200")
}

// member OWNER WHO WORKSPACE [blocked] invites WHO@example.com, who is signed in
// to Code, and has them accept by the mailed link.
func cmdMember(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 3 {
		ts.Fatalf("usage: member OWNER WHO WORKSPACE [blocked]")
	}
	owner, who, workspace := args[0], args[1], args[2]
	cmdVisit(ts, false, []string{owner, ts.Getenv("CODE") + "/" + workspace + "/workspace/settings/members"})
	cmdPress(ts, false, []string{owner, "Send invitation", "Email=" + who + "@example.com"})
	cmdLink(ts, false, []string{"INVITATION", who + "@example.com", "/invitations/"})
	cmdVisit(ts, false, []string{who, ts.Getenv("INVITATION")})
	cmdPress(ts, false, []string{who, "Accept invitation"})
	status := "200"
	if len(args) == 4 {
		status = "403"
	}
	landed(ts, "/"+workspace, status)
}

// controls OWNER WORKSPACE FIELD=VALUE… changes its access controls: by the form,
// through the preview, saved.
func cmdControls(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 3 {
		ts.Fatalf("usage: controls OWNER WORKSPACE FIELD=VALUE…")
	}
	owner, path := args[0], "/"+args[1]+"/workspace/settings/access-controls"
	cmdVisit(ts, false, []string{owner, ts.Getenv("CODE") + path})
	cmdPress(ts, false, append([]string{owner, "Preview"}, args[2:]...))
	cmdPress(ts, false, []string{owner, "Save"})
	landed(ts, path, "200")
}

var plainToken = regexp.MustCompile(`sp[twr]_[A-Za-z0-9_-]{43}`)

// token NAME WHO SCOPE… makes an API token on WHO's page and puts it into a
// variable.
func cmdToken(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	page := "/account/settings/api-tokens/"
	if len(args) > 1 && args[0] == "-at" {
		page, args = "/"+args[1], args[2:]
	}
	if len(args) < 3 {
		ts.Fatalf("usage: token [-at PAGE] NAME WHO SCOPE…")
	}
	who := args[1]
	cmdVisit(ts, false, []string{who, ts.Getenv("CODE") + page})
	fields := []string{who, "Create token", "Name=" + args[0]}
	b := browserOf(ts, who)
	for _, scope := range args[2:] {
		box := find(b.page, tickBox(scope))
		if box == nil {
			ts.Fatalf("there is no scope %s to tick", scope)
		}
		fields = append(fields, "#"+attribute(box, "id")+"=on")
	}
	cmdPress(ts, false, fields)
	token := plainToken.FindString(textOf(b.page))
	if token == "" {
		ts.Fatalf("no token was shown:\n%s", textOf(b.page))
	}
	ts.Setenv(args[0], token)
}

// sshkey [-at PAGE] NAME WHO FIELD=VALUE… makes a key pair in NAME.key and adds
// it on WHO's page of SSH keys, or on a repository's page of deploy keys. $NAME
// is then how ssh is called with it.
func cmdSSHKey(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	page := "/account/settings/ssh-keys/"
	if len(args) > 1 && args[0] == "-at" {
		page, args = args[1], args[2:]
	}
	if len(args) < 2 {
		ts.Fatalf("usage: sshkey [-at PAGE] NAME WHO FIELD=VALUE…")
	}
	name, who := args[0], args[1]
	file := ts.MkAbs(name + ".key")
	ts.Check(ts.Exec("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file))
	ts.Setenv(name, "ssh -T -F none -i "+file+" -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="+ts.MkAbs("known_hosts"))
	cmdVisit(ts, false, []string{who, ts.Getenv("CODE") + page})
	cmdPress(ts, false, append([]string{who, "Add key", "Public key=" + strings.TrimSpace(ts.ReadFile(file+".pub"))}, args[2:]...))
	landed(ts, page, "200")
}

// landed fails where the last page isn't the one expected.
func landed(ts *testscript.TestScript, path, status string) {
	if got := ts.Getenv("URL"); got != ts.Getenv("CODE")+path || ts.Getenv("STATUS") != status {
		ts.Fatalf("it led to %s (%s), not %s (%s)", got, ts.Getenv("STATUS"), path, status)
	}
}

func one(ts *testscript.TestScript, args []string, usage string) string {
	if len(args) != 1 {
		ts.Fatalf("usage: %s", usage)
	}
	return args[0]
}
