package factor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"sallyport.dev/internal/db"
	"sallyport.dev/internal/errs"
)

// Taken is a second step that was taken.
type Taken struct {
	Method   Method
	Factor   string // id of the factor; empty for a recovery code
	Verified bool   // the key verified its user, so it is two factors by itself
	Hardware bool   // the key stays on its device
	Stalled  bool   // the key's count of signatures didn't grow: there may be a copy of it
}

// Answer is what a person gives to take the second step: a code, or what a
// security key has signed.
type Answer struct {
	Code       string
	Challenge  string // the id of what the key was asked to sign
	Credential string // the key's answer, as the browser gives it in JSON
}

// Verify takes the second step with whatever the holder gives. bound is the
// session or flow that the key was asked in. Errors are those of VerifyCode and
// VerifyKey; the caller throttles.
func (s *Service) Verify(ctx context.Context, holder, bound string, a Answer) (Taken, error) {
	if a.Credential != "" {
		return s.VerifyKey(ctx, holder, bound, a)
	}
	method, err := s.VerifyCode(ctx, holder, a.Code)
	return Taken{Method: method}, err
}

// Options are what a browser asks a security key for.
type Options struct {
	ID  string          `json:"id"` // comes back with the answer
	Key json.RawMessage `json:"publicKey"`
}

// TakesKeys reports whether security keys can bind themselves to the site:
// they do to names, and never to a bare network address.
func (s *Service) TakesKeys() bool {
	_, err := s.party()
	return err == nil
}

// party is the site as WebAuthn's relying party.
func (s *Service) party() (*webauthn.WebAuthn, error) {
	at, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	if err := protocol.ValidateRPID(at.Hostname()); err != nil {
		return nil, fmt.Errorf("security keys can't bind themselves to %q: %w", at.Hostname(), err)
	}
	return webauthn.New(&webauthn.Config{
		RPID: at.Hostname(), RPDisplayName: s.Issuer, RPOrigins: []string{at.Scheme + "://" + at.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred,
		},
	})
}

// keyHolder is a holder with their keys, as the library wants them.
type keyHolder struct {
	id, name string
	keys     []webauthn.Credential
}

func (h keyHolder) WebAuthnID() []byte                         { return []byte(h.id) }
func (h keyHolder) WebAuthnName() string                       { return h.name }
func (h keyHolder) WebAuthnDisplayName() string                { return h.name }
func (h keyHolder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// key is a confirmed security key.
type key struct {
	ID       string
	Holder   string
	Sealed   []byte
	original webauthn.Credential
}

// open opens what is kept of each key.
func (s *Service) open(keys []key) ([]webauthn.Credential, error) {
	all := make([]webauthn.Credential, len(keys))
	for i, k := range keys {
		plain, err := s.Box.Open(place(k.ID), k.Sealed)
		if err != nil {
			return nil, fmt.Errorf("opening the key %s: %w", k.ID, err)
		}
		if err := json.Unmarshal(plain, &all[i]); err != nil {
			return nil, fmt.Errorf("reading the key %s: %w", k.ID, err)
		}
		keys[i].original = all[i]
	}
	return all, nil
}

// BeginKey asks for a new security key or passkey. name is what the key shows
// of its holder. It is of kind Conflict where there may be no more factors.
func (s *Service) BeginKey(ctx context.Context, holder, name, bound string) (Options, error) {
	party, err := s.party()
	if err != nil {
		return Options{}, err
	}
	if err := s.roomForMore(ctx, s.DB, holder); err != nil {
		return Options{}, err
	}
	who, _, err := s.keyHolder(ctx, holder)
	if err != nil {
		return Options{}, err
	}
	who.name = name
	var known []protocol.CredentialDescriptor
	for _, each := range who.keys {
		known = append(known, each.Descriptor())
	}
	asked, session, err := party.BeginRegistration(who, webauthn.WithExclusions(known))
	if err != nil {
		return Options{}, fmt.Errorf("asking for a new key: %w", err)
	}
	return s.challenge(ctx, toEnrol, holder, bound, asked.Response, session)
}

// NewKey is a security key that was judged and isn't kept yet. Only ReadKey
// makes one.
type NewKey struct {
	holder     string
	credential webauthn.Credential
	id         string // of the credential, as it is looked up
}

// Taken is the step that making the key was.
func (k NewKey) Taken() Taken { return takenBy("", &k.credential, k.credential.Flags.UserVerified) }

// ReadKey judges the answer of a new key and uses up its challenge, whatever
// its caller does next. It is of kind Invalid where the answer isn't right.
func (s *Service) ReadKey(ctx context.Context, holder, bound string, a Answer) (NewKey, error) {
	party, err := s.party()
	if err != nil {
		return NewKey{}, err
	}
	session, err := s.takeChallenge(ctx, toEnrol, holder, bound, a.Challenge)
	if err != nil {
		return NewKey{}, err
	}
	answer, err := protocol.ParseCredentialCreationResponseBytes([]byte(a.Credential))
	if err != nil {
		return NewKey{}, errAnswer(err)
	}
	credential, err := party.CreateCredential(keyHolder{id: holder}, session, answer)
	if err != nil {
		return NewKey{}, errAnswer(err)
	}
	return NewKey{holder: holder, credential: *credential, id: credentialID(credential.ID)}, nil
}

// AddKey keeps a key that was judged, in the caller's transaction. It is of
// kind Conflict where somebody has it already.
func (s *Service) AddKey(ctx context.Context, tx *db.Tx, k NewKey, label string) error {
	if k.holder == "" {
		return errors.New("adding a key: it wasn't judged")
	}
	otherwise := "Security key"
	if k.credential.Flags.BackupEligible {
		otherwise = "Passkey"
	}
	label, err := cleanLabel(label, otherwise)
	if err != nil {
		return err
	}
	if err := s.lock(ctx, tx, k.holder); err != nil {
		return fmt.Errorf("adding a key: %w", err)
	}
	if err := s.roomForMore(ctx, tx, k.holder); err != nil {
		return err
	}
	plain, err := json.Marshal(k.credential)
	if err != nil {
		return fmt.Errorf("adding a key: %w", err)
	}
	id := db.NewID()
	err = s.insertKey(ctx, tx, id, k, label, s.Box.Seal(place(id), plain), s.Clock())
	if db.IsDuplicate(err) {
		return errs.Conflict("", "This key is registered already.")
	}
	if err == nil {
		err = s.voidSetUps(ctx, tx, k.holder)
	}
	if err != nil {
		return fmt.Errorf("adding a key: %w", err)
	}
	return nil
}

// AskKey asks one of the holder's keys for the second step. It is of kind
// Conflict where they have none.
func (s *Service) AskKey(ctx context.Context, holder, bound string) (Options, error) {
	party, err := s.party()
	if err != nil {
		return Options{}, err
	}
	who, _, err := s.keyHolder(ctx, holder)
	if err != nil {
		return Options{}, err
	}
	if len(who.keys) == 0 {
		return Options{}, errs.Conflict("", "There is no security key or passkey to use.")
	}
	asked, session, err := party.BeginLogin(who)
	if err != nil {
		return Options{}, fmt.Errorf("asking for a key: %w", err)
	}
	return s.challenge(ctx, toVerify, holder, bound, asked.Response, session)
}

// VerifyKey takes the second step with one of the holder's keys, and uses up
// the challenge. It is of kind Invalid where the answer isn't right.
func (s *Service) VerifyKey(ctx context.Context, holder, bound string, a Answer) (Taken, error) {
	party, err := s.party()
	if err != nil {
		return Taken{}, err
	}
	session, err := s.takeChallenge(ctx, toVerify, holder, bound, a.Challenge)
	if err != nil {
		return Taken{}, err
	}
	answer, err := parseAssertion(a.Credential)
	if err != nil {
		return Taken{}, err
	}
	who, keys, err := s.keyHolder(ctx, holder)
	if err != nil {
		return Taken{}, err
	}
	credential, err := party.ValidateLogin(who, session, answer)
	if err != nil {
		return Taken{}, errAnswer(err)
	}
	return s.used(ctx, keys, credential, answer)
}

// AskPasskey asks for a passkey of anybody's: who it is, the key says.
func (s *Service) AskPasskey(ctx context.Context, bound string) (Options, error) {
	party, err := s.party()
	if err != nil {
		return Options{}, err
	}
	asked, session, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Options{}, fmt.Errorf("asking for a passkey: %w", err)
	}
	return s.challenge(ctx, toSignIn, "", bound, asked.Response, session)
}

// VerifyPasskey tells whose passkey has answered. A key that didn't verify its
// user is one factor, so it is refused here, as Invalid like all that isn't right.
func (s *Service) VerifyPasskey(ctx context.Context, bound string, a Answer) (holder string, taken Taken, err error) {
	party, err := s.party()
	if err != nil {
		return "", Taken{}, err
	}
	session, err := s.takeChallenge(ctx, toSignIn, "", bound, a.Challenge)
	if err != nil {
		return "", Taken{}, err
	}
	answer, err := parseAssertion(a.Credential)
	if err != nil {
		return "", Taken{}, err
	}
	if !answer.Response.AuthenticatorData.Flags.HasUserVerified() {
		return "", Taken{}, errs.Invalid("credential", "This key didn't check by PIN, finger or face that it is you, so it can't stand for your password. Sign in with your password, then use the key.")
	}
	var keys []key
	var failure error
	user, credential, err := party.ValidatePasskeyLogin(func(raw, _ []byte) (webauthn.User, error) {
		var who keyHolder
		who, keys, failure = s.holderOf(ctx, raw)
		return who, failure
	}, session, answer)
	if failure != nil && !errs.Is(failure, errs.KindNotFound) {
		return "", Taken{}, failure
	}
	if err != nil {
		return "", Taken{}, errAnswer(err)
	}
	taken, err = s.used(ctx, keys, credential, answer)
	return string(user.WebAuthnID()), taken, err
}

func parseAssertion(text string) (*protocol.ParsedCredentialAssertionData, error) {
	answer, err := protocol.ParseCredentialRequestResponseBytes([]byte(text))
	if err != nil {
		return nil, errAnswer(err)
	}
	return answer, nil
}

// used notes that a key was used, and keeps its new count. A key that was
// removed meanwhile is refused.
func (s *Service) used(ctx context.Context, keys []key, credential *webauthn.Credential, answer *protocol.ParsedCredentialAssertionData) (Taken, error) {
	for _, k := range keys {
		if credentialID(k.original.ID) != credentialID(credential.ID) {
			continue
		}
		// The credential keeps whether it ever verified its user; this is whether it did now.
		taken := takenBy(k.ID, credential, answer.Response.AuthenticatorData.Flags.HasUserVerified())
		credential.Authenticator.CloneWarning = false // told now; the next use is judged anew
		plain, err := json.Marshal(credential)
		if err != nil {
			return Taken{}, fmt.Errorf("keeping a key's count: %w", err)
		}
		kept, err := s.updateKey(ctx, k.ID, s.Box.Seal(place(k.ID), plain), s.Clock())
		if err != nil {
			return Taken{}, fmt.Errorf("keeping a key's count: %w", err)
		}
		if kept {
			return taken, nil
		}
	}
	return Taken{}, errs.Invalid("credential", "This key was removed meanwhile.")
}

func takenBy(id string, c *webauthn.Credential, verified bool) Taken {
	return Taken{
		Method: WebAuthn, Factor: id, Verified: verified,
		Hardware: !c.Flags.BackupEligible, Stalled: c.Authenticator.CloneWarning,
	}
}

func (s *Service) keyHolder(ctx context.Context, holder string) (keyHolder, []key, error) {
	keys, err := s.keysOf(ctx, holder)
	if err != nil {
		return keyHolder{}, nil, fmt.Errorf("reading keys: %w", err)
	}
	opened, err := s.open(keys)
	return keyHolder{id: holder, name: holder, keys: opened}, keys, err
}

// holderOf finds whose the credential is; of kind NotFound where it is nobody's.
func (s *Service) holderOf(ctx context.Context, credential []byte) (keyHolder, []key, error) {
	holder, err := s.credentialHolder(ctx, credentialID(credential))
	if err != nil {
		return keyHolder{}, nil, err
	}
	return s.keyHolder(ctx, holder)
}

func credentialID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// errAnswer is what the person is told; why is for the log.
func errAnswer(why error) error {
	detail := why.Error()
	if e, ok := errors.AsType[*protocol.Error](why); ok {
		detail += ": " + e.DevInfo
	}
	return fmt.Errorf("%w (%s)", errs.Invalid("credential", "The key's answer can't be accepted. Use a key that is registered here, and try again."), detail)
}

// What a key is asked for.
const (
	toEnrol  = "enrol"
	toVerify = "verify"
	toSignIn = "signin"
)

// challengeLife is how long a key has to answer.
const challengeLife = 5 * time.Minute

// challenge keeps what a key is asked to sign.
func (s *Service) challenge(ctx context.Context, purpose, holder, bound string, asked any, session *webauthn.SessionData) (Options, error) {
	key, err := json.Marshal(asked)
	if err != nil {
		return Options{}, err
	}
	data, err := json.Marshal(session)
	if err != nil {
		return Options{}, err
	}
	o := Options{ID: db.NewID(), Key: key}
	if err := s.insertChallenge(ctx, o.ID, purpose, holder, bound, data, s.Clock()); err != nil {
		return Options{}, fmt.Errorf("keeping a challenge: %w", err)
	}
	return o, nil
}

// takeChallenge takes a challenge out of the store: whoever gets it may have
// it answered, and nobody else can any more.
func (s *Service) takeChallenge(ctx context.Context, purpose, holder, bound, id string) (webauthn.SessionData, error) {
	var session webauthn.SessionData
	data, err := s.deleteChallenge(ctx, id, purpose, holder, bound, s.Clock())
	if errs.Is(err, errs.KindNotFound) {
		return session, errs.Invalid("credential", "That took too long, or was used already. Try again.")
	}
	if err != nil {
		return session, fmt.Errorf("reading a challenge: %w", err)
	}
	if err := json.Unmarshal(data, &session); err != nil {
		return session, fmt.Errorf("reading a challenge: %w", err)
	}
	return session, nil
}
