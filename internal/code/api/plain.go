package api

import (
	"encoding/json"
	"net/http"
	"path"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sallyport.dev/internal/code/access"
)

// plain adds an operation whose request or answer isn't JSON, and describes it,
// with the names of what its query may hold.
func (a *API) plain(to huma.API, method, at string, action access.Action, h func(http.ResponseWriter, *http.Request, access.Grant) error, id, summary string, queries ...string) {
	a.routes.Gated(method, at, action, h)
	at = path.Clean(at)
	if dir, rest := path.Split(at); rest == "*" {
		at = dir + "{path}"
	}
	item := to.OpenAPI().Paths[at]
	if item == nil {
		item = &huma.PathItem{}
		if to.OpenAPI().Paths == nil {
			to.OpenAPI().Paths = map[string]*huma.PathItem{}
		}
		to.OpenAPI().Paths[at] = item
	}
	op := &huma.Operation{
		Method: method, Path: at, OperationID: id, Summary: summary, Responses: map[string]*huma.Response{},
		Extensions: map[string]any{actionKey: action.String(), "x-scope": string(action.Scope())},
	}
	for _, status := range []int{success(method), http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status)}
	}
	for _, name := range splitNames(at) {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
	}
	for _, name := range queries {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Schema: &huma.Schema{Type: "string"}})
	}
	switch method {
	case http.MethodGet:
		item.Get = op
	case http.MethodPost:
		item.Post = op
	case http.MethodPut:
		item.Put = op
	case http.MethodDelete:
		item.Delete = op
	}
}

// success is the status of a request that did what it should.
func success(method string) int {
	switch method {
	case http.MethodPost:
		return http.StatusCreated
	case http.MethodDelete:
		return http.StatusNoContent
	default:
		return http.StatusOK
	}
}

// splitNames gives the names in braces of a pattern.
func splitNames(pattern string) []string {
	var names []string
	for pattern != "/" && pattern != "." && pattern != "" {
		dir, last := path.Split(pattern)
		if len(last) > 2 && last[0] == '{' {
			names = append(names, last[1:len(last)-1])
		}
		pattern = path.Clean(dir)
	}
	return names
}

func answer(w http.ResponseWriter, status int, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the reader went away: nothing to be done
	return nil
}
