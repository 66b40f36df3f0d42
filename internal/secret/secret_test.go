package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/internal/secret"
)

func TestStringNeverPrints(t *testing.T) {
	s := secret.New("hunter2")
	asJSON, _ := json.Marshal(map[string]any{"s": s})
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", s, "in", struct{ S secret.String }{s})
	for _, out := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s),
		fmt.Sprintf("%+v", struct{ S secret.String }{s}), string(asJSON), log.String(),
	} {
		if strings.Contains(out, "hunter2") {
			t.Errorf("the secret was printed: %s", out)
		}
	}
	if s.Reveal() != "hunter2" {
		t.Error("Reveal lost it")
	}
}

func newBox(t *testing.T) *secret.Box {
	t.Helper()
	box, err := secret.Load(filepath.Join(t.TempDir(), "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestSealOpensOnlyInItsPlace(t *testing.T) {
	box := newBox(t)
	sealed := box.Seal("factor|secret|1", []byte("seed"))
	if plain, err := box.Open("factor|secret|1", sealed); err != nil || string(plain) != "seed" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if _, err := box.Open("factor|secret|2", sealed); !errors.Is(err, secret.ErrForged) {
		t.Errorf("it opened in another row: %v", err)
	}
	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		if _, err := box.Open("factor|secret|1", altered); !errors.Is(err, secret.ErrForged) {
			t.Fatalf("byte %d altered: %v", i, err)
		}
	}
	if _, err := newBox(t).Open("factor|secret|1", sealed); !errors.Is(err, secret.ErrForged) {
		t.Errorf("another key opened it: %v", err)
	}
}

func TestSignIsBoundToItsPurpose(t *testing.T) {
	box := newBox(t)
	sig := box.Sign("return", []byte("/acme"))
	if !box.Verify("return", []byte("/acme"), sig) {
		t.Error("its own signature was refused")
	}
	if box.Verify("return", []byte("/evil"), sig) || box.Verify("other", []byte("/acme"), sig) || box.Verify("return", []byte("/acme"), "") {
		t.Error("a signature served elsewhere")
	}
}

func TestValueExpires(t *testing.T) {
	box, now := newBox(t), time.Unix(1000, 0)
	sealed, err := box.SealValue("state", now.Add(time.Minute), "v")
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := box.OpenValue("state", sealed, now, &got); err != nil || got != "v" {
		t.Fatalf("OpenValue = %q, %v", got, err)
	}
	if err := box.OpenValue("state", sealed, now.Add(time.Minute), &got); !errors.Is(err, secret.ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
	if err := box.OpenValue("other", sealed, now, &got); !errors.Is(err, secret.ErrForged) {
		t.Errorf("under another name: %v", err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "secret.key")
	first, err := secret.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	again, err := secret.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Derive("x"), again.Derive("x")) || bytes.Equal(first.Derive("x"), first.Derive("y")) {
		t.Error("Derive isn't stable and separate")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := secret.Load(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a readable key file: %v", err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Chmod(path, 0o600)
	if _, err := secret.Load(path); err == nil {
		t.Error("a broken key file was taken or replaced")
	}
}

func TestTokenIsLongAndHashed(t *testing.T) {
	plain, hash := secret.Token("spt_")
	if !strings.HasPrefix(plain.Reveal(), "spt_") || len(plain.Reveal()) != 4+43 {
		t.Errorf("token of %d characters", len(plain.Reveal()))
	}
	if hash != secret.Hash(plain.Reveal()) || len(hash) != 64 {
		t.Errorf("hash %q", hash)
	}
}
