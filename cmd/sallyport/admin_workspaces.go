package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"sallyport.dev/internal/audit"
	"sallyport.dev/internal/code/workspace"
)

type workspaceList struct{ admin }

func (c *workspaceList) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		all, err := s.workspaces.All(ctx)
		if err != nil {
			return err
		}
		return table("WORKSPACE\tNAME\tPLAN\tREQUIRES 2SV\tCREATED", len(all), func(i int) []any {
			w := all[i]
			return []any{w.Slug, w.Name, w.Plan, yes(w.Policy.RequireTwoStep), w.Created.Format("2006-01-02")}
		})
	})
}

type workspaceSetPlan struct {
	admin
	Workspace string `arg:"" help:"The workspace's name in addresses."`
	Plan      string `arg:"" help:"free, standard or premium." enum:"free,standard,premium"`
}

func (c *workspaceSetPlan) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		if err := s.workspaces.SetPlan(ctx, c.Workspace, workspace.Plan(c.Plan)); err != nil {
			return err
		}
		fmt.Printf("%s is on the %s plan.\n", c.Workspace, c.Plan)
		return nil
	})
}

type policyShow struct {
	admin
	Workspace string `arg:"" help:"The workspace's name in addresses."`
}

func (c *policyShow) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		w, err := s.workspaces.Find(ctx, c.Workspace)
		if err != nil {
			return err
		}
		for _, line := range workspace.Describe(w.Policy) {
			fmt.Printf("%-36s %s\n", line.Label+":", line.Value)
		}
		return nil
	})
}

type policyOff struct {
	admin
	Workspace string `arg:"" help:"The workspace's name in addresses."`
}

func (c *policyOff) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		if err := s.workspaces.BreakGlass(ctx, c.Workspace); err != nil {
			return err
		}
		fmt.Printf("%s no longer requires two-step verification and can be reached from any network. This is in its audit log.\n", c.Workspace)
		return nil
	})
}

type auditVerify struct{ admin }

func (c *auditVerify) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		n, err := s.audit.Verify(ctx)
		if _, broken := errors.AsType[*audit.Broken](err); broken {
			return fmt.Errorf("the audit log was tampered with: %w; compare it with a backup", err)
		}
		if err != nil {
			return err
		}
		fmt.Printf("The audit log is whole: %d entries.\n", n)
		return nil
	})
}

type auditExport struct {
	admin
	Workspace string `help:"Only this workspace's part: its name in addresses." placeholder:"WORKSPACE"`
}

func (c *auditExport) Run(ctx context.Context) error {
	return c.with(ctx, func(s *store) error {
		id := ""
		if c.Workspace != "" {
			w, err := s.workspaces.Find(ctx, c.Workspace)
			if err != nil {
				return err
			}
			id = w.ID
		}
		out := bufio.NewWriter(os.Stdout)
		if err := s.audit.Export(ctx, out, id); err != nil {
			return err
		}
		return out.Flush()
	})
}
