package gitssh_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/gitssh"
	"sallyport.dev/internal/db"
)

// Attack 31 (CVE-2024-45337): eve offers alice's public key, which is accepted
// as far as it goes, and then signs with her own. Stock ssh does just that where
// the private half of the first key is missing.
func TestAttack31OfferedKeyIsNoIdentity(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alices, eves := w.keyOf(w.alice), w.keyOf(w.eve)
		if err := os.Remove(alices.file); err != nil { // all that eve has is its public half
			t.Fatal(err)
		}
		alices.file += ".pub"
		eve := w.with(alices, eves)
		eve.ssh = append(eve.ssh, "-v")
		out, _ := eve.call()
		if !strings.Contains(out, "Server accepts key: "+alices.file) {
			t.Fatalf("alice's key wasn't accepted on offer, so nothing is tested: %s", out)
		}
		if !strings.Contains(out, "Signed in as eve.") || strings.Contains(out, "Signed in as alice") {
			t.Errorf("%s", out)
		}
		eve = w.with(alices, eves)
		if out, status := eve.run("git", "ls-remote", w.address("acme/app.git")); status != 128 || !strings.Contains(out, "\nThere is no such repository") {
			t.Errorf("eve reads as %d %s", status, out)
		}
		if err := w.Users.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		used, err := db.All[string](t.Context(), w.DB, `SELECT id FROM ssh_key WHERE last_used > 0`)
		if err != nil || !slices.Equal(used, []string{eves.id}) {
			t.Errorf("used: %q, %v", used, err)
		}
		// A certificate for a key that is known is no key.
		certificate := &ssh.Certificate{Key: eves.signer.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"git"}, ValidBefore: ssh.CertTimeInfinity}
		if err := certificate.SignCert(rand.Reader, eves.signer); err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.NewCertSigner(certificate, eves.signer)
		if err != nil {
			t.Fatal(err)
		}
		if client, err := w.dial(key{signer: signer}); err == nil {
			_ = client.Close()
			t.Error("a certificate is taken for its key")
		}
	})
}

// A command under way goes on whatever changes; the next one on the same
// connection is judged anew.
func TestEachCommandIsJudged(t *testing.T) {
	w := newWorld(t)
	w.alice.Enrol()
	bobs := w.keyOf(w.bob)
	client := w.client(bobs)
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	in, _ := session.StdinPipe()
	out, _ := session.StdoutPipe()
	if err := session.Setenv("GIT_PROTOCOL", "version=2"); err != nil {
		t.Fatal(err)
	}
	if err := session.Start("git-upload-pack 'acme/app.git'"); err != nil {
		t.Fatal(err)
	}
	read := func(until string) string {
		t.Helper()
		var all []byte
		buf := make([]byte, 4096)
		for !strings.HasSuffix(string(all), until) {
			n, err := out.Read(buf)
			all = append(all, buf[:n]...)
			if err != nil {
				t.Fatalf("%v after %q", err, all)
			}
		}
		return string(all)
	}
	read("0000")
	if got, err := output(client, "git-upload-pack 'acme/app.git'"); err != nil && !strings.Contains(got, "capabilities^{}") {
		t.Fatalf("%s, %v", got, err)
	}
	policy := access.Policy{RequireTwoStep: true, AskAgain: access.DefaultAskAgain}
	if err := w.Workspaces.SetPolicy(t.Context(), w.alice.Grant(access.ManageAccess, access.Target{Workspace: "acme"}), policy); err != nil {
		t.Fatal(err)
	}
	got, err := output(client, "git-upload-pack 'acme/app.git'")
	if err == nil || !strings.HasPrefix(got, "Workspace acme requires two-step verification.") {
		t.Errorf("the next command: %s, %v", got, err)
	}
	if _, err := in.Write([]byte("0014command=ls-refs\n0000")); err != nil {
		t.Fatal(err)
	}
	if got := read("0000"); got != "0000" {
		t.Errorf("the command under way: %q", got)
	}
	_ = in.Close()
	if err := session.Wait(); err != nil {
		t.Errorf("the command under way ends with %v", err)
	}
	if err := w.Users.RemoveKey(t.Context(), w.bob.Grant(access.ManageKeys, access.Target{}), bobs.id); err != nil {
		t.Fatal(err)
	}
	got, err = output(client, "git-upload-pack 'acme/site.git'")
	if err == nil || !strings.HasPrefix(got, "This key isn't valid here") {
		t.Errorf("with a key that was removed: %s, %v", got, err)
	}
}

// What the door offers, and nothing else (the names are those of the protocol).
func TestOfferedAlgorithms(t *testing.T) {
	w := newWorld(t)
	offers := w.offers()
	for i, want := range [][]string{
		{"mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org", "kex-strict-s-v00@openssh.com"},
		{"ssh-ed25519"},
		{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-ctr"},
		{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-ctr"},
		{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"},
		{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"},
		{"none"},
		{"none"},
	} {
		if !slices.Equal(offers[i], want) {
			t.Errorf("list %d offers %q, want %q", i, offers[i], want)
		}
	}
	p := w.with(w.keyOf(w.bob))
	p.ssh = append(p.ssh, "-v")
	out, _ := p.call()
	if want := "server-sig-algs=<ssh-ed25519,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com," +
		"ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"; !strings.Contains(out, want) {
		t.Errorf("signatures: %s", out)
	}
	for _, old := range []string{"KexAlgorithms=diffie-hellman-group14-sha1", "Ciphers=aes128-cbc", "MACs=hmac-sha1", "HostKeyAlgorithms=ssh-rsa"} {
		p := w.with(w.keyOf(w.bob))
		p.ssh = append(p.ssh, "-o", old, "-o", "Ciphers=aes128-ctr") // the first that is given counts
		if out, status := p.call(); status != 255 {
			t.Errorf("%s: %d %s", old, status, out)
		}
	}
}

// ssh-audit finds nothing red. (It calls yellow what is newer than it: ML-KEM.)
func TestSSHAuditFindsNothingRed(t *testing.T) {
	w := newWorld(t)
	audit, err := exec.LookPath("ssh-audit")
	if err != nil {
		t.Fatal("this test needs ssh-audit: apt-get install -y ssh-audit")
	}
	run := func(level string) string {
		out, _ := exec.CommandContext(t.Context(), audit, "-n", "-l", level, "-p", w.port, "127.0.0.1").CombinedOutput() // its status tells of warnings too
		return strings.TrimSpace(string(out))
	}
	if out := run("fail"); out != "" {
		t.Errorf("red:\n%s", out)
	}
	if out := run("info"); !strings.Contains(out, "(key) ssh-ed25519") {
		t.Errorf("it didn't look at us:\n%s", out)
	}
}

func TestHostKeys(t *testing.T) {
	dir := t.TempDir()
	first, err := gitssh.HostKeys(dir)
	if err != nil || len(first) != 1 || first[0].PublicKey().Type() != ssh.KeyAlgoED25519 {
		t.Fatalf("%v, %v", first, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "ssh_host_ed25519_key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	write := func(name string, key any, mode os.FileMode) {
		t.Helper()
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), mode); err != nil {
			t.Fatal(err)
		}
	}
	long, _ := rsa.GenerateKey(rand.Reader, 3072)
	curve, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	write("ssh_host_rsa_key", long, 0o600)
	write("ssh_host_ecdsa_key", curve, 0o600)
	again, err := gitssh.HostKeys(dir)
	if err != nil || len(again) != 3 || !slices.Equal(again[1].PublicKey().Marshal(), first[0].PublicKey().Marshal()) {
		t.Fatalf("%v, %v", again, err)
	}
	short, _ := rsa.GenerateKey(rand.Reader, 2048)
	write("ssh_host_rsa_key", short, 0o600)
	if _, err := gitssh.HostKeys(dir); err == nil || !strings.Contains(err.Error(), "2048 bits") {
		t.Errorf("a short key: %v", err)
	}
	write("ssh_host_rsa_key", long, 0o600)
	if err := os.Chmod(filepath.Join(dir, "ssh_host_rsa_key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := gitssh.HostKeys(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

// asksOverSSH has acme ask for the second step over SSH.
func (w *world) asksOverSSH() {
	w.Helper()
	w.sql(`UPDATE workspace SET require_two_step = TRUE, ask_over_ssh = TRUE, ask_again = $1`, time.Hour)
}

// A step by keyboard-interactive, as stock ssh and git take it: the answer comes
// from a program, as from a person's keyboard.
func TestAskingOverSSH(t *testing.T) {
	w := newWorld(t)
	w.alice.Enrol()
	p := w.with(w.keyOf(w.alice))
	clone := func(answers ...string) (string, int) {
		t.Helper()
		p.env = w.answering(answers...)
		return p.run("git", "ls-remote", w.address("acme/app.git"))
	}
	out, status := clone()
	w.says("nobody asks", out, status, "", 0)
	w.asksOverSSH()
	const banner = "Workspace acme asks for your second step over SSH. Type a code of your authenticator app, or a recovery code; Enter alone goes on without.\n" +
		"Without a terminal, give your key the second step in the browser, then run the command again:\n" +
		"  https://code.test/account/settings/ssh-keys/\n"
	w.Now.Advance(30 * time.Second)
	out, status = clone("000000", w.alice.AppCode())
	w.says("a wrong code, then a right one", out, status, strings.TrimSpace(banner+
		"That code isn't right. Check that the clock of your device is right, and type the code that is shown now."), 0)
	if prompt := w.prompts(); !strings.HasSuffix(prompt, "Sallyport code: ") {
		t.Errorf("it asked %q", prompt)
	}
	out, status = clone()
	w.says("within the hour", out, status, "", 0)

	// Another key has no step yet; a code that was used is refused; Enter goes on without.
	p = w.with(w.keyOf(w.alice))
	out, status = clone(w.alice.AppCode(), "")
	w.says("a used code, then none", out, status, banner+lines("That code has been used already. Wait for the next one.",
		"Your second step is needed first.", "Verify in the browser, then run the command again:", "  https://code.test/account/settings/ssh-keys/", couldNotRead), 128)
	out, status = p.run("git", "ls-remote", w.address("acme/site.git"))
	if status != 0 {
		t.Errorf("what is public, without: %s", out)
	}
	// Without a terminal, by BatchMode: the link, and an end.
	p.env = nil
	p.ssh = append(p.ssh, "-o", "BatchMode=yes")
	out, status = p.run("git", "ls-remote", w.address("acme/app.git"))
	w.says("BatchMode", out, status, banner+lines("git@127.0.0.1: Permission denied (keyboard-interactive).", couldNotRead), 128)
	// The step from the browser, which is where ssh is.
	w.alice.At = netip.MustParseAddr("127.0.0.1")
	if err := w.Users.VerifyKey(t.Context(), w.alice.Grant(access.ManageKeys, access.Target{}), w.lastKey()); err != nil {
		t.Fatal(err)
	}
	out, status = p.run("git", "ls-remote", w.address("acme/app.git"))
	w.says("after the browser", out, status, "", 0)
	w.Now.Advance(time.Hour + time.Minute)
	out, status = p.run("git", "ls-remote", w.address("acme/app.git"))
	if status != 128 || !strings.HasPrefix(out, banner) {
		t.Errorf("after the hour: %s", out)
	}
	// Too many wrong codes count with those of every other entrance.
	w.alice.TakeStep()
	w.Now.Advance(30 * time.Second)
	p = w.with(w.keyOf(w.alice))
	out, _ = clone("000001", "000002", "000003")
	if !strings.Contains(out, "That code isn't right") || !strings.Contains(out, "Permission denied") {
		t.Errorf("three wrong codes: %s", out)
	}
	out, _ = clone("000004", "000005", w.alice.AppCode())
	if !strings.Contains(out, "Too many tries. Try again in ") {
		t.Errorf("six wrong codes: %s", out)
	}
}

// A key on a security key that has verified its user is the step; one that was
// only touched isn't. The keys are made by OpenSSH's own stand-in for hardware.
func TestVerifiedSecurityKeyIsTheStep(t *testing.T) {
	const stand = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"
	if _, err := os.Stat(stand); err != nil {
		t.Fatal("this test needs OpenSSH's sk-dummy.so: apt-get install -y openssh-tests")
	}
	w := newWorld(t)
	w.alice.Enrol()
	w.asksOverSSH()
	made := func(kind string, options ...string) person {
		t.Helper()
		file := filepath.Join(t.TempDir(), "id")
		p := w.with(key{file: file})
		p.env = append(w.answering(""), "SSH_SK_PROVIDER="+stand)
		args := append([]string{"ssh-keygen", "-q", "-t", kind, "-N", "", "-w", stand, "-f", file}, options...)
		if out, status := p.run(args...); status != 0 {
			t.Fatalf("%s: %s", args, out)
		}
		w.add(w.alice, file+".pub")
		p.ssh = append(p.ssh, "-o", "SecurityKeyProvider="+stand)
		return p
	}
	for _, kind := range []string{"ed25519-sk", "ecdsa-sk"} {
		verified := made(kind, "-O", "verify-required")
		for _, cipher := range []string{"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr", "aes128-ctr"} {
			p := verified
			p.ssh = append(p.ssh[:len(p.ssh):len(p.ssh)], "-c", cipher)
			if out, status := p.run("git", "ls-remote", w.address("acme/app.git")); status != 0 || strings.Contains(out, "asks for your second step") {
				t.Errorf("%s, user verified, %s: %d %s", kind, cipher, status, out)
			}
		}
		touched := made(kind)
		if out, status := touched.run("git", "ls-remote", w.address("acme/app.git")); status != 128 || !strings.Contains(out, "asks for your second step over SSH") {
			t.Errorf("%s, only touched: %d %s", kind, status, out)
		}
	}
}
