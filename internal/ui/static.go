package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

//go:embed static/*
var staticFS embed.FS

type asset struct {
	body []byte
	hash string
	kind string
}

// assets holds every static file by name. It is filled once and never changes.
var assets = readAssets()

func readAssets() map[string]asset {
	files, err := fs.ReadDir(staticFS, "static")
	if err != nil {
		panic(err) // they are part of the binary
	}
	all := make(map[string]asset, len(files))
	for _, file := range files {
		body, err := staticFS.ReadFile("static/" + file.Name())
		if err != nil {
			panic(err)
		}
		if path.Ext(file.Name()) == ".css" {
			body = squeeze(body)
		}
		sum := sha256.Sum256(body)
		all[file.Name()] = asset{body: body, hash: hex.EncodeToString(sum[:6]), kind: kindOf(file.Name())}
	}
	return all
}

// squeeze leaves out of a stylesheet what only its readers need: comments, and
// the space around signs. No text in it holds any of them.
func squeeze(css []byte) []byte {
	css = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAll(css, nil)
	css = regexp.MustCompile(`\s*([{};,])\s*`).ReplaceAll(css, []byte("$1"))
	return regexp.MustCompile(`:\s+`).ReplaceAll(css, []byte(":"))
}

// kindOf doesn't ask the system's table, which differs between machines.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}

// Asset gives the address of a static file, which changes with its content.
// An unknown name is an error, and so a failed page.
func Asset(name string) (string, error) {
	a, ok := assets[name]
	if !ok {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	return "/static/" + a.hash + "/" + name, nil
}

// WithStatic serves the static files, and leaves all else to next.
func WithStatic(next http.Handler) http.Handler {
	static := Static()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/") {
			static.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Static serves the files at /static/{hash}/{name}. Under its right hash a file
// may be kept for ever; under another one (a page from before an update) it is
// served to be asked for again.
func Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/static/"), "/")
		a, ok := assets[name]
		if !ok {
			http.Error(w, "There is no such file.", http.StatusNotFound)
			return
		}
		header := w.Header()
		header.Set("Content-Type", a.kind)
		header.Set("X-Content-Type-Options", "nosniff")
		if hash == a.hash {
			header.Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			header.Set("Cache-Control", "no-cache")
		}
		header.Set("Content-Length", fmt.Sprint(len(a.body)))
		_, _ = w.Write(a.body)
	})
}
