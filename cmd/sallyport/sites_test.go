package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport.dev/internal/config"
	"sallyport.dev/internal/db/dbtest"
)

func TestAStopFinishesTheRequestUnderWay(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	arrived, goOn := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-goOn
		_, _ = io.WriteString(w, "whole")
	})
	ctx, stop := context.WithCancel(t.Context())
	served, answered := make(chan error, 1), make(chan string, 1)
	go func() { served <- serveUntil(ctx, map[net.Listener]http.Handler{listener: handler}, nil) }()
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-arrived
	stop()
	for { // until it takes nobody new
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		conn.Close()
	}
	close(goOn)
	if got := <-answered; got != "whole" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestOneListenerThatFailsEndsTheOther(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	none := http.NotFoundHandler()
	if err := serveUntil(t.Context(), map[net.Listener]http.Handler{first: none, second: none}, nil); err == nil {
		t.Error("it ended without saying why")
	}
}

func TestReadyMeansThatTheDatabaseAnswers(t *testing.T) {
	d := dbtest.SQLite(t)
	handler := withHealth(d, http.NotFoundHandler())
	ask := func(path string) int {
		out := httptest.NewRecorder()
		handler.ServeHTTP(out, httptest.NewRequest(http.MethodGet, path, nil))
		return out.Code
	}
	if healthy, ready := ask("/healthz"), ask("/readyz"); healthy != 200 || ready != 200 {
		t.Errorf("open: %d, %d", healthy, ready)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if healthy, ready := ask("/healthz"), ask("/readyz"); healthy != 200 || ready != 503 {
		t.Errorf("closed: %d, %d", healthy, ready)
	}
}

func TestTheOtherSiteIsReachedWithoutTheNetwork(t *testing.T) {
	client := http.Client{Transport: &inProcess{host: "id.nowhere.invalid", handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Host+" "+r.RequestURI+" "+string(body))
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short")
	})}}
	response, err := client.Post("https://id.nowhere.invalid/token?a=b", "text/plain", strings.NewReader("code"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusTeapot || string(body) != "short" || response.Header.Get("X-Seen") != "id.nowhere.invalid /token?a=b code" {
		t.Errorf("%d %s %v", response.StatusCode, body, response.Header)
	}
	if other, err := client.Get("https://other.nowhere.invalid/"); err == nil {
		other.Body.Close()
		t.Error("another host was answered as well")
	}
}

func TestWithACertificateTheSitesAreHTTPS(t *testing.T) {
	folder := t.TempDir()
	pool := writeCertificate(t, folder)
	code, account, err := listen(t.Context(), &config.Serve{
		CodeListen: "127.0.0.1:0", AccountListen: "127.0.0.1:0",
		TLSCert: filepath.Join(folder, "cert.pem"), TLSKey: filepath.Join(folder, "key.pem"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(code.URL, "https://localhost:") || !strings.HasPrefix(account.URL, "https://localhost:") {
		t.Errorf("%s, %s", code.URL, account.URL)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	go func() {
		served <- serveUntil(ctx, map[net.Listener]http.Handler{code.listener: hello, account.listener: hello}, nil)
	}()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	response, err := client.Get(code.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != "HTTP/2.0" {
		t.Errorf("it speaks %s", body)
	}
	client.CloseIdleConnections()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// writeCertificate writes cert.pem and key.pem for localhost.
func writeCertificate(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	template.NotAfter = template.NotBefore.AddDate(9000, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}
