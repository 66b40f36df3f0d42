package activity

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// cut makes a text fit for its column.
func cut(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	for len(text) > maxText {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// By names who did it.
func (e *Event) By() string {
	switch {
	case e.Actor.Name != "":
		return e.Actor.Name
	case e.Actor.Username != "":
		return e.Actor.Username
	default:
		return "An access token"
	}
}

// Did says what was done to what Thing names: "pushed 3 commits to".
func (e *Event) Did() string {
	switch e.Kind {
	case Pushed:
		switch {
		case e.Count == 1:
			return "pushed a commit to"
		case e.Count >= ManyCommits:
			return fmt.Sprintf("pushed %d commits or more to", ManyCommits)
		case e.Count > 1:
			return fmt.Sprintf("pushed %d commits to", e.Count)
		default:
			return "moved the branch"
		}
	case RepositoryMade:
		return "created the repository"
	case BranchMade:
		return "created the branch"
	case BranchGone:
		return "deleted the branch"
	case TagMade:
		return "tagged"
	case TagGone:
		return "deleted the tag"
	case IssueRaised:
		return "raised"
	case IssueSaid:
		return "commented on"
	case IssueClosed, IssueOpened:
		return "set to " + e.Detail
	case IssueChanged:
		return "changed"
	case WikiAdded:
		return "wrote the page"
	case WikiEdited:
		return "edited the page"
	case WikiRenamed:
		return "renamed the page " + e.Detail + " to"
	case WikiDeleted:
		return "deleted the page"
	case WikiPushed:
		return "pushed to"
	case SnippetMade:
		return "made the snippet"
	case SnippetEdit:
		return "changed the snippet"
	case SnippetSaid:
		return "commented on the snippet"
	default:
		return "did something to"
	}
}

// ManyCommits is from where on a push's commits aren't counted.
const ManyCommits = 100

// Thing names what it was done to.
func (e *Event) Thing() string {
	switch {
	case e.Issue.Number > 0:
		return fmt.Sprintf("#%d %s", e.Issue.Number, e.Issue.Title)
	case e.Snippet.ID != "":
		return e.Snippet.Title
	case e.Kind == WikiPushed:
		return "the wiki"
	case e.Kind == RepositoryMade:
		return e.Repository.Name
	default:
		return e.Subject
	}
}

// Place names where it is: workspace/repository, or the workspace alone.
func (e *Event) Place() string {
	if e.Repository.Slug == "" {
		return e.Workspace.Slug
	}
	return e.Workspace.Slug + "/" + e.Repository.Slug
}

// Path is where it can be looked at, as it stands in an address.
func (e *Event) Path() string {
	within := "/" + e.Place()
	switch {
	case e.Issue.Number > 0:
		return fmt.Sprintf("%s/issues/%d", within, e.Issue.Number)
	case e.Snippet.ID != "":
		return "/snippets/" + e.Workspace.Slug + "/" + e.Snippet.ID
	}
	switch e.Kind {
	case Pushed, BranchMade, TagMade:
		return within + "/commits/" + escape(e.Subject)
	case BranchGone:
		return within + "/branches"
	case TagGone:
		return within + "/tags"
	case WikiAdded, WikiEdited, WikiRenamed:
		return within + "/wiki/" + escape(e.Subject)
	case WikiDeleted, WikiPushed:
		return within + "/wiki"
	default:
		return within
	}
}

func escape(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// Sentence says all of it in one line.
func (e *Event) Sentence() string {
	return e.By() + " " + e.Did() + " " + e.Thing() + " in " + e.Place()
}

var mention = regexp.MustCompile(`(?:^|[^\w@/.-])@([A-Za-z0-9][A-Za-z0-9_-]{1,38})`)

const maxMentions = 20 // in one text

// Mentions gives the usernames that a text names by @, at most 20 of them.
func Mentions(text string) []string {
	var names []string
	for _, found := range mention.FindAllStringSubmatch(text, maxMentions) {
		names = append(names, strings.ToLower(found[1]))
	}
	return names
}
