package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"
)

// makeKey makes a key pair in the folder and has git's ssh use it. It gives the
// public half.
func makeKey(ctx context.Context, dir string) (string, error) {
	file := filepath.Join(dir, "id")
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", file).CombinedOutput(); err != nil {
		return "", fmt.Errorf("making a key: %w: %s", err, out)
	}
	ssh := "ssh -F none -i " + file + " -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=" + filepath.Join(dir, "known_hosts")
	if err := os.Setenv("GIT_SSH_COMMAND", ssh); err != nil {
		return "", err
	}
	public, err := os.ReadFile(file + ".pub")
	return strings.TrimSpace(string(public)), err
}

// errNoSSHD says that there is nothing to compare with.
var errNoSSHD = errors.New("OpenSSH's sshd isn't here or doesn't start (as root: apt-get install -y openssh-server), so git over SSH has no baseline")

// startSSHD serves the copy of the repository by OpenSSH, whose sessions start
// git themselves.
func startSSHD(ctx context.Context, dir string, raw *server) (*server, error) {
	program, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		return nil, errNoSSHD
	}
	who, err := user.Current()
	if err != nil {
		return nil, err
	}
	host := filepath.Join(dir, "host")
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("making a host key: %w: %s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	_ = os.Mkdir("/run/sshd", 0o755) // as root it insists on that
	cmd := exec.CommandContext(ctx, program, "-D", "-e", "-f", "/dev/null", "-o", "ListenAddress="+address, "-h", host, "-o", "PidFile=none",
		"-o", "AuthorizedKeysFile="+filepath.Join(dir, "id.pub"), "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "AcceptEnv=GIT_PROTOCOL",
		"-o", "MaxStartups=100")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(errNoSSHD, err)
	}
	s := &server{name: "OpenSSH", cmd: cmd, repository: "ssh://" + who.Username + "@" + address + raw.data + "/bench.git", branches: "ssh-"}
	for range 100 {
		if _, err := git(ctx, "", "ls-remote", "-q", s.repository); err == nil {
			return s, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	return nil, errNoSSHD
}

// measureSSH does the work over SSH.
func measureSSH(ctx context.Context, dir string, s size, plain, ours *server) (err error) {
	fmt.Println("\nthe same over SSH")
	shell := &server{name: ours.name, cmd: ours.cmd, repository: ours.ssh, branches: "ssh-"}
	baseline, err := startSSHD(ctx, dir, plain)
	if errors.Is(err, errNoSSHD) {
		fmt.Println(err)
		return measure(ctx, filepath.Join(dir, "ssh"), sshOperations(), s, shell)
	}
	if err != nil {
		return err
	}
	defer func() {
		_ = baseline.cmd.Process.Signal(os.Interrupt)
		_ = baseline.cmd.Wait()
	}()
	return measure(ctx, filepath.Join(dir, "ssh"), sshOperations(), s, baseline, shell)
}

// sshOperations are the same operations, with what is wanted of them over SSH.
func sshOperations() []operation {
	var all []operation
	for _, op := range operations() {
		switch op.name {
		case "ls-remote":
			op.target = "≤ 4 ms CPU"
		case "clone", "the same clone again":
		default:
			op.target = "–"
		}
		all = append(all, op)
	}
	return all
}
