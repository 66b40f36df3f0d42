package gitssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"
)

// hostKeyFile is the key that is made where there is none. Every client since
// OpenSSH 6.5 (2014) knows its kind.
const hostKeyFile = "ssh_host_ed25519_key"

// leastRSA is the shortest RSA host key that is used, in bits.
const leastRSA = 3072

// HostKeys reads the host's private keys, all files named ssh_host_*_key in the
// folder, and makes one at the first start. Others may be laid there, so that a
// host which moves keeps its identity.
func HostKeys(folder string) ([]ssh.Signer, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the host keys: %w", err)
	}
	if err := makeHostKey(filepath.Join(folder, hostKeyFile)); err != nil {
		return nil, fmt.Errorf("making the host key: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "ssh_host_*_key"))
	if err != nil {
		return nil, fmt.Errorf("looking for host keys: %w", err)
	}
	var keys []ssh.Signer
	for _, file := range files {
		key, err := readHostKey(file)
		if err != nil {
			return nil, fmt.Errorf("reading the host key %s: %w", file, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// makeHostKey makes the file where there is none, whole or not at all.
func makeHostKey(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return err
	}
	made, err := os.CreateTemp(filepath.Dir(file), ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(made.Name())
	_, err = made.Write(pem.EncodeToMemory(block))
	if err := errors.Join(err, made.Sync(), made.Close()); err != nil {
		return err
	}
	// A second program that starts at the same moment must not replace it.
	if err := os.Link(made.Name(), file); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func readHostKey(file string) (ssh.Signer, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read it (mode %04o); run chmod 600", info.Mode().Perm())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	switch key := signer.PublicKey().(ssh.CryptoPublicKey).CryptoPublicKey().(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < leastRSA {
			return nil, fmt.Errorf("it has %d bits; at least %d are needed", key.N.BitLen(), leastRSA)
		}
		return ssh.NewSignerWithAlgorithms(signer.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
	default:
		if kind := signer.PublicKey().Type(); !slices.Contains([]string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}, kind) {
			return nil, fmt.Errorf("keys of kind %s aren't used for hosts", kind)
		}
		return signer, nil
	}
}
