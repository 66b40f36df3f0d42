package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/door"
	"sallyport.dev/internal/code/repo"
	"sallyport.dev/internal/ui"
)

// rulesPage is the rules for branches.
type rulesPage struct {
	Form  ui.Form
	Base  string
	Rules []ruleLine
	Push  []ui.Option
}

type ruleLine struct {
	repo.Rule
	Who string // may push
}

func (s *Site) showRules(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	form, err := s.keptOr(r, ui.Filled("push", strconv.Itoa(int(repo.PushWrite))))
	if err != nil {
		return err
	}
	return s.rulesAgain(w, r, g, form, http.StatusOK)
}

func (s *Site) rulesAgain(w http.ResponseWriter, r *http.Request, g access.Grant, form ui.Form, status int) error {
	rules, err := s.Repositories.Rules(r.Context(), g)
	if err != nil {
		return err
	}
	page := rulesPage{Form: form, Base: repositoryPath(g) + "/admin/branches"}
	for _, rule := range rules {
		page.Rules = append(page.Rules, ruleLine{rule, pushersWords(rule.Push)})
	}
	for _, push := range []repo.Pushers{repo.PushWrite, repo.PushAdmin, repo.PushNobody} {
		page.Push = append(page.Push, ui.Option{Value: strconv.Itoa(int(push)), Label: pushersWords(push)})
	}
	return s.render(w, r, status, "rules.html", s.adminOf(r, g, "Branch restrictions", "/branches"), page)
}

// pushersWords says who may push.
func pushersWords(push repo.Pushers) string {
	switch push {
	case repo.PushAdmin:
		return "Administrators of the repository"
	case repo.PushNobody:
		return "Nobody"
	default:
		return "Everybody who can write"
	}
}

func (s *Site) setRule(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	push, _ := strconv.Atoi(r.PostFormValue("push"))
	err := s.Repositories.SetRule(r.Context(), g, repo.Rule{
		Pattern: r.PostFormValue("pattern"), Push: repo.Pushers(push),
		Rewrite: r.PostFormValue("rewrite") == "yes", Removal: r.PostFormValue("removal") == "yes",
	})
	if err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin/branches", "saved")
}

func (s *Site) dropRule(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Repositories.DropRule(r.Context(), g, r.PostFormValue("id")); err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin/branches", "saved")
}

func (s *Site) renameRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	address, err := s.Repositories.Rename(r.Context(), g, r.PostFormValue("name"))
	if err != nil {
		return err
	}
	return s.done(w, r, "/"+g.Workspace().Slug+"/"+address+"/admin", "saved")
}

func (s *Site) archiveRepository(w http.ResponseWriter, r *http.Request, g access.Grant) error {
	if err := s.Repositories.SetArchived(r.Context(), g, r.PostFormValue("archived") == "yes"); err != nil {
		return err
	}
	return s.done(w, r, repositoryPath(g)+"/admin", "saved")
}

// underItsName leads from a former name of a repository to its page of today.
// Not for good: another repository may take the name.
func underItsName(h door.Gated) door.Gated {
	return func(w http.ResponseWriter, r *http.Request, g access.Grant) error {
		asked, is := chi.URLParam(r, "repo"), g.Repository().Slug
		space := chi.URLParam(r, "workspace")
		former := "/" + space + "/" + asked
		same := asked == is && strings.EqualFold(space, g.Workspace().Slug)
		if is == "" || same || len(r.URL.Path) < len(former) {
			return h(w, r, g)
		}
		to := *r.URL
		to.Path, to.RawPath = repositoryPath(g)+r.URL.Path[len(former):], ""
		return redirect(w, r, to.RequestURI())
	}
}
