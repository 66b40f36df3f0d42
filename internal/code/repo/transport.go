package repo

import (
	"sallyport.dev/internal/code/access"
	"sallyport.dev/internal/code/transport"
	"sallyport.dev/internal/git"
)

// Transport is repositories as git clients see them.
func (s *Service) Transport() transport.Transport {
	return transport.Transport{
		Read: access.ReadRepository, Write: access.WriteRepository, MaxPush: s.MaxPush, MaxSize: s.MaxSize, MaxRefs: s.MaxRefs,
		Open:   func(g access.Grant) (*git.Repository, error) { return s.git(g), nil },
		Judge:  s.judge,
		Pushed: s.touch,
	}
}
