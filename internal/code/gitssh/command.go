package gitssh

import (
	"slices"
	"strings"

	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/errs"
	"sallyport.dev/internal/git"
	"sallyport.dev/internal/request"
)

// command is what a client asks for.
type command struct {
	service git.Service
	place
}

// place is what a path names, and how git talks to that kind of content.
type place struct {
	target  access.Target
	content transport.Transport
}

// action is what the command is to the gate.
func (c command) action() access.Action { return c.content.ActionOf(c.service) }

// locate finds what a path names; ok is false for any that git isn't served at.
// A first slash, as ssh:// addresses have it, and the ".git" may be left out.
func (d *Door) locate(path string) (at place, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if slices.Contains(parts, "") || !request.Clean(path) {
		return place{}, false
	}
	switch len(parts) {
	case 2: // {workspace}/{repo}.git
		name := strings.TrimSuffix(parts[1], ".git")
		return place{access.Target{Workspace: parts[0], Repository: name}, d.Repositories.Transport()}, name != ""
	case 3: // snippets/{workspace}/{id}.git, {workspace}/{repo}.git/wiki
		if parts[0] == "snippets" {
			id, dotted := strings.CutSuffix(parts[2], ".git")
			return place{access.Target{Workspace: parts[1], Snippet: id}, d.Snippets.Transport()}, id != "" && dotted
		}
		name, dotted := strings.CutSuffix(parts[1], ".git")
		of := access.Target{Workspace: parts[0], Repository: name}
		return place{of, d.Wikis.Transport()}, name != "" && dotted && strings.TrimSuffix(parts[2], ".git") == "wiki"
	default:
		return place{}, false
	}
}

// parse reads a command as git sends it: "git-upload-pack 'acme/app.git'".
func (d *Door) parse(text string) (command, error) {
	words, ok := split(text)
	if ok && len(words) > 1 && words[0] == "git" { // "git upload-pack" is the same
		words = append([]string{"git-" + words[1]}, words[2:]...)
	}
	switch {
	case !ok || len(words) == 0 || !strings.HasPrefix(words[0], "git-"):
		return command{}, errs.Denied("You can use git here; nothing else can be run.")
	case words[0] == "git-upload-archive":
		return command{}, errs.Denied("Archives aren't made over SSH. Clone the repository, and run git archive there.")
	case words[0] == "git-lfs-authenticate" || words[0] == "git-lfs-transfer":
		return command{}, errs.Denied("Git LFS isn't spoken over SSH here.")
	case words[0] != string(git.UploadPack) && words[0] != string(git.ReceivePack):
		return command{}, errs.Denied("There is no command %s here. You can clone, fetch and push.", printable(words[0]))
	case len(words) != 2:
		return command{}, errs.Invalid("", "Name one repository: workspace/repository.git.")
	}
	found, ok := d.locate(words[1])
	if !ok {
		return command{}, errs.NotFound("That is no repository's address. It looks like workspace/repository.git.")
	}
	return command{service: git.Service(words[0]), place: found}, nil
}

// split takes a line apart as a shell would that knows words, single quotes and
// the backslash, which is how git writes one. ok is false for all else.
func split(line string) (words []string, ok bool) {
	var word strings.Builder
	began, quoted := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quoted && c == '\'':
			quoted = false
		case quoted:
			word.WriteByte(c)
		case c == '\'':
			quoted, began = true, true
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			began = true
		case c == ' ':
			if began {
				words = append(words, word.String())
			}
			word.Reset()
			began = false
		case strings.IndexByte("\\\"$`;&|<>()*?[]#~%\n\r\t", c) >= 0:
			return nil, false
		default:
			word.WriteByte(c)
			began = true
		}
	}
	if began {
		words = append(words, word.String())
	}
	return words, !quoted
}

// printable keeps what a client sent to one short line of a terminal.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), 100)]
}
