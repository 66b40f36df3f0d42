package issue

import (
	"encoding/json"
	"time"
)

// An archive is a tracker as Bitbucket exports and imports it: a zip with
// db-2.0.json and the files of issues. The names and shapes are Bitbucket's
// ("Issue import and export data format").

const archiveJSON = "db-2.0.json"

type archive struct {
	Issues      []archivedIssue      `json:"issues"`
	Comments    []archivedComment    `json:"comments"`
	Attachments []archivedAttachment `json:"attachments"`
	Logs        []archivedLog        `json:"logs"`
	Meta        archivedMeta         `json:"meta"`
	Components  []archivedChoice     `json:"components"`
	Milestones  []archivedChoice     `json:"milestones"`
	Versions    []archivedChoice     `json:"versions"`
}

type archivedIssue struct {
	ID               int64          `json:"id"`
	Title            string         `json:"title"`
	Content          string         `json:"content"`
	Kind             Kind           `json:"kind"`
	Priority         string         `json:"priority"`
	Status           State          `json:"status"`
	Reporter         *archivedUser  `json:"reporter"`
	Assignee         *archivedUser  `json:"assignee"`
	Component        *string        `json:"component"`
	Milestone        *string        `json:"milestone"`
	Version          *string        `json:"version"`
	CreatedOn        archivedTime   `json:"created_on"`
	UpdatedOn        archivedTime   `json:"updated_on"`
	ContentUpdatedOn archivedTime   `json:"content_updated_on"`
	EditedOn         archivedTime   `json:"edited_on"`
	Watchers         []archivedUser `json:"watchers"`
	Voters           []archivedUser `json:"voters"`
}

type archivedComment struct {
	ID        int64         `json:"id"`
	Issue     int64         `json:"issue"`
	Content   *string       `json:"content"`
	CreatedOn archivedTime  `json:"created_on"`
	UpdatedOn archivedTime  `json:"updated_on"`
	User      *archivedUser `json:"user"`
}

type archivedAttachment struct {
	Filename string        `json:"filename"`
	Issue    int64         `json:"issue"`
	Path     string        `json:"path"`
	User     *archivedUser `json:"user"`
}

type archivedLog struct {
	Issue       int64         `json:"issue"`
	Comment     *int64        `json:"comment"`
	Field       string        `json:"field"`
	ChangedFrom string        `json:"changed_from"`
	ChangedTo   string        `json:"changed_to"`
	CreatedOn   archivedTime  `json:"created_on"`
	User        *archivedUser `json:"user"`
}

type archivedChoice struct {
	Name string `json:"name"`
}

type archivedMeta struct {
	DefaultAssignee  *archivedUser `json:"default_assignee"`
	DefaultComponent *string       `json:"default_component"`
	DefaultKind      string        `json:"default_kind"`
	DefaultMilestone *string       `json:"default_milestone"`
	DefaultVersion   *string       `json:"default_version"`
}

// archivedUser is somebody. Older archives have their username alone.
type archivedUser struct {
	DisplayName string `json:"display_name"`
	AccountID   string `json:"account_id"`
	Nickname    string `json:"nickname,omitempty"`
}

func (u *archivedUser) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		if err := json.Unmarshal(text, &u.Nickname); err != nil {
			return err
		}
		u.DisplayName = u.Nickname
		return nil
	}
	type plain archivedUser
	return json.Unmarshal(text, (*plain)(u))
}

// archivedTime is a moment, null where there was none.
type archivedTime struct{ time.Time }

func (t archivedTime) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(t.UTC().Format("2006-01-02T15:04:05.000000+00:00"))
}

func (t *archivedTime) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	return t.Time.UnmarshalJSON(text)
}
