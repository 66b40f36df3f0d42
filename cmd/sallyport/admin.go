package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"sallyport.dev/internal/config"
)

// adminCommand is everything that the operator can do with the data at hand,
// while the program serves it or not.
type adminCommand struct {
	Person struct {
		Create  personCreate  `cmd:"" help:"Make a person: with the password that is piped in, or with a mailed link to choose one."`
		List    personList    `cmd:"" help:"List all people."`
		Suspend personSuspend `cmd:"" help:"Shut a person out of both sites at once."`
		Resume  personResume  `cmd:"" help:"Let a suspended person in again."`

		Administrator personAdministrator `cmd:"" help:"Make a person an administrator of Account."`

		ResetMFA personResetMFA `cmd:"" name:"reset-mfa" help:"Remove the second steps of a person who lost them."`

		RecoveryLink personRecoveryLink `cmd:"" help:"Mail a person a link to choose a new password."`
	} `cmd:"" help:"People of Account."`
	User struct {
		ResetTwoStep userResetTwoStep `cmd:"" name:"reset-two-step" help:"Remove the second steps of a user who lost them."`
		Suspend      userSuspend      `cmd:"" help:"Shut a user out of Code at once; their account stays as it is."`
		Resume       userResume       `cmd:"" help:"Let a suspended user in again."`
	} `cmd:"" help:"Users of Code."`
	Token struct {
		Create tokenCreate `cmd:"" help:"Make an API token for a user, and print it alone."`
	} `cmd:"" help:"API tokens of Code's users."`
	Workspace struct {
		List    workspaceList    `cmd:"" help:"List all workspaces."`
		SetPlan workspaceSetPlan `cmd:"" help:"Set a workspace's plan."`
	} `cmd:"" help:"Workspaces."`
	Policy struct {
		Show policyShow `cmd:"" help:"Print a workspace's access controls."`
		Off  policyOff  `cmd:"" help:"Break glass: switch off the required two-step verification and the allowed networks."`
	} `cmd:"" help:"Access controls of workspaces."`
	Explain adminExplain `cmd:"" help:"Say what a user gets at a door, why, and on which facts."`
	Audit   struct {
		Verify auditVerify `cmd:"" help:"Prove that no entry was changed or removed."`
		Export auditExport `cmd:"" help:"Print the log as JSON Lines."`
	} `cmd:"" help:"The audit log."`
	App struct {
		Create       appCreate       `cmd:"" help:"Register an app that signs people in through Account."`
		List         appList         `cmd:"" help:"List the registered apps."`
		RotateSecret appRotateSecret `cmd:"" help:"Give an app a new secret; the old one ends at once."`
		Delete       appDelete       `cmd:"" help:"Take an app off; its tokens end at once."`
	} `cmd:"" help:"Apps that sign people in through Account."`
	Key struct {
		Rotate keyRotate `cmd:"" help:"Make a new signing key; what the old one signed stays good until it is over."`
	} `cmd:"" help:"The key that Account signs with."`
}

// admin is in every admin command.
type admin struct {
	config.Admin `embed:""`
}

// with opens the data for f. There has to be some: or a slip in --data would
// make another, empty one.
func (a *admin) with(ctx context.Context, f func(*store) error) (err error) {
	if _, err := os.Stat(a.KeyFile()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no data in %s; give its folder with --data, or start sallyport serve once", a.Data)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	s, err := open(ctx, &a.Store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.atAddresses(a.CodeURL, a.AccountURL)
	return f(s)
}
