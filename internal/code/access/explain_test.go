package access

import (
	"slices"
	"testing"
)

// Nothing is offered that doesn't exist: each scope is what some action needs,
// and each kind of token has only scopes of what it reaches.
func TestEveryScopeIsOfUse(t *testing.T) {
	for _, scope := range Scopes() {
		if !slices.ContainsFunc(Actions(), func(a Action) bool { return a.Scope() == scope }) {
			t.Errorf("no action needs %s", scope)
		}
	}
	for _, action := range Actions() {
		if scope := action.Scope(); scope != "" && !slices.Contains(Scopes(), scope) {
			t.Errorf("%v needs %s, which there isn't", action, scope)
		}
	}
	for kind, without := range map[Credential][]Scope{
		APIToken:        nil,
		WorkspaceToken:  {ScopeReadUser, ScopeAdminWorkspace, ScopeDeleteRepository, ScopeReadSnippet, ScopeWriteSnippet, ScopeDeleteSnippet},
		RepositoryToken: {ScopeReadUser, ScopeReadWorkspace, ScopeAdminWorkspace, ScopeDeleteRepository, ScopeReadSnippet, ScopeWriteSnippet, ScopeDeleteSnippet},
	} {
		for _, scope := range Scopes() {
			if slices.Contains(ScopesFor(kind), scope) == slices.Contains(without, scope) {
				t.Errorf("%s: %s", kind, scope)
			}
		}
	}
}
