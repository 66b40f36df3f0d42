package api

import (
	"net/http"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/request"
)

// authenticate tells who asks, by the Authorization header alone: a cookie is
// for the web door, and a token in the address would end up in logs.
func (a *API) authenticate(r *http.Request) (access.Actor, error) {
	nobody := access.Actor{Door: access.API, Address: request.Address(r.Context())}
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		return nobody, nil
	}
	if len(given) > 1 {
		return access.Actor{}, errs.Invalid("", "Give one Authorization header.")
	}
	actor, err := a.byHeader(r, given[0])
	if err != nil {
		return access.Actor{}, err
	}
	actor.Door = access.API
	return actor, nil
}

func (a *API) byHeader(r *http.Request, header string) (access.Actor, error) {
	ctx := r.Context()
	if name, password, ok := r.BasicAuth(); ok {
		return a.Tokens.FromBasic(ctx, name, password, request.Address(ctx))
	}
	scheme, token, _ := strings.Cut(header, " ")
	if strings.EqualFold(scheme, "Bearer") && token != "" {
		return a.Tokens.FromBearer(ctx, strings.TrimSpace(token), request.Address(ctx))
	}
	return access.Actor{}, errs.Unauthenticated("The Authorization header must be Bearer or Basic.")
}
