package admin

// Words says what the act is, for a button or a heading.
func (a Act) Words() string {
	return map[Act]string{
		ResetMFA: "Reset MFA", Suspend: "Suspend", Resume: "Let in again", RecoveryLink: "Mail a recovery link",
		Promote: "Make an administrator", Demote: "Make an ordinary person",
	}[a]
}

// Meaning says what comes of the act, in a sentence.
func (a Act) Meaning() string {
	return map[Act]string{
		ResetMFA:     "Removes their second steps and recovery codes, for somebody who lost them. Their password stays.",
		Suspend:      "Signs them out of every site at once, and lets nothing sign them in.",
		Resume:       "They can sign in again, as before.",
		RecoveryLink: "They choose a new password with it, within 24 hours. Their second step stays.",
		Promote:      "They can then do what you can do here.",
		Demote:       "They can then no longer do what you can do here.",
	}[a]
}
