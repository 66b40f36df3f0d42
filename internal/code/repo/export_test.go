package repo

import "context"

// ImportQueued brings in what waits, for tests.
func (s *Service) ImportQueued(ctx context.Context) {
	for {
		select {
		case t := <-s.imports():
			s.bringIn(ctx, t)
		default:
			return
		}
	}
}

// Slug is what a name becomes in addresses.
func Slug(name string) (string, error) { return slug(name) }
