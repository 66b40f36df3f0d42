package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// serveRaw serves the repositories in a folder by git http-backend. (Go's own
// net/http/cgi refuses a body in chunks, which git sends for large pushes.)
func serveRaw(ctx context.Context, root string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("Raw: http://%s\n", listener.Addr())
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := backend(w, r, root); err != nil {
			fmt.Fprintln(os.Stderr, r.Method, r.URL, err)
		}
	})}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// backend answers one request by one process (RFC 3875).
func backend(w http.ResponseWriter, r *http.Request, root string) error {
	cmd := exec.CommandContext(r.Context(), "git", "-c", "http.receivepack=true", "http-backend")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1",
		"GATEWAY_INTERFACE=CGI/1.1", "SERVER_PROTOCOL=" + r.Proto, "REMOTE_ADDR=" + r.RemoteAddr,
		"REQUEST_METHOD=" + r.Method, "PATH_INFO=" + r.URL.Path, "QUERY_STRING=" + r.URL.RawQuery,
		"CONTENT_TYPE=" + r.Header.Get("Content-Type"), "HTTP_CONTENT_ENCODING=" + r.Header.Get("Content-Encoding"),
		"GIT_PROTOCOL=" + r.Header.Get("Git-Protocol"),
	}
	if r.ContentLength >= 0 {
		cmd.Env = append(cmd.Env, "CONTENT_LENGTH="+strconv.FormatInt(r.ContentLength, 10))
	}
	cmd.Stdin, cmd.Stderr = r.Body, os.Stderr
	cmd.WaitDelay = time.Second
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	return errors.Join(relay(w, pipe), cmd.Wait())
}

// relay turns what the process writes into the answer.
func relay(w http.ResponseWriter, pipe io.Reader) error {
	out := bufio.NewReaderSize(pipe, 64<<10)
	header, err := textproto.NewReader(out).ReadMIMEHeader()
	if err != nil {
		return err
	}
	status := http.StatusOK
	for name, values := range header {
		if name == "Status" {
			code, _, _ := strings.Cut(values[0], " ")
			if status, err = strconv.Atoi(code); err != nil {
				return err
			}
			continue
		}
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, err = io.Copy(w, out)
	return err
}
