package gitssh

import (
	"bytes"
	"net"
	"reflect"
	"sync"

	"golang.org/x/crypto/ssh"
)

// wire is a client's connection, whose reading can be held still for a look at
// the signature that came last.
//
// A security key signs whether it has verified its user, by PIN or fingerprint.
// x/crypto/ssh checks that signature and throws it away. So it is read once more
// from where the library has decrypted it to, and verified once more: whatever
// else may lie there by then can't pass for it (decision 0012).
type wire struct {
	net.Conn
	mu      sync.Mutex
	changed *sync.Cond
	reading bool // the library's reader is in Read, and so touches nothing else
	closed  bool
}

func newWire(conn net.Conn) *wire {
	w := &wire{Conn: conn}
	w.changed = sync.NewCond(&w.mu)
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	w.set(&w.reading, true)
	n, err := w.Conn.Read(p)
	w.set(&w.reading, false) // waits while somebody looks
	return n, err
}

func (w *wire) Close() error {
	w.set(&w.closed, true)
	return w.Conn.Close()
}

func (w *wire) set(field *bool, to bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*field = to
	w.changed.Broadcast()
}

// lastPacket gives a copy of what was decrypted last on the connection; nothing
// where that can't be told.
func (w *wire) lastPacket(conn ssh.ConnMetadata) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.reading && !w.closed {
		w.changed.Wait()
	}
	if w.closed {
		return nil
	}
	cipher := dig(reflect.ValueOf(conn), "transport", "conn", "reader", "packetCipher")
	for _, field := range []string{"buf", "packetData"} { // of the AEAD ciphers; of the others
		if held := dig(cipher, field); held.IsValid() && held.Kind() == reflect.Slice && held.Type().Elem().Kind() == reflect.Uint8 {
			return bytes.Clone(held.Bytes())
		}
	}
	return nil
}

// dig follows fields by name, through pointers and interfaces; the zero Value
// where there is no such field.
func dig(v reflect.Value, fields ...string) reflect.Value {
	for _, field := range append(fields, "") {
		for v.IsValid() && (v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer) {
			v = v.Elem()
		}
		if field == "" || !v.IsValid() || v.Kind() != reflect.Struct {
			break
		}
		v = v.FieldByName(field)
	}
	return v
}

// flagUserVerified is set by a security key that has verified its user (CTAP2
// §6.1, "UV"; PROTOCOL.u2f of OpenSSH).
const flagUserVerified = 0x04

// userVerified reports whether the signature by which a key was just accepted is
// a security key's, made after it has verified its user.
func (w *wire) userVerified(conn ssh.ConnMetadata, key ssh.PublicKey) bool {
	if kind := key.Type(); kind != ssh.KeyAlgoSKED25519 && kind != ssh.KeyAlgoSKECDSA256 {
		return false
	}
	request := signedRequest(conn.User(), key)
	_, behind, found := bytes.Cut(w.lastPacket(conn), request)
	if !found {
		return false
	}
	var sent struct {
		Signature []byte
		Rest      []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(behind, &sent) != nil {
		return false
	}
	var signature ssh.Signature
	if ssh.Unmarshal(sent.Signature, &signature) != nil || len(signature.Rest) != 5 { // flags, counter
		return false
	}
	signed := append(ssh.Marshal(struct{ Session []byte }{conn.SessionID()}), request...)
	return key.Verify(signed, &signature) == nil && signature.Rest[0]&flagUserVerified != 0
}

// signedRequest is the request to sign in with a key, up to its signature (RFC
// 4252 §7).
func signedRequest(user string, key ssh.PublicKey) []byte {
	return ssh.Marshal(struct {
		Type                  byte
		User, Service, Method string
		Signed                bool
		Algorithm             string
		Key                   []byte
	}{50, user, "ssh-connection", "publickey", true, key.Type(), key.Marshal()})
}
