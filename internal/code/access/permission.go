package access

// permissionSQL is the permission that a member has on a repository: an owner
// administers every one, and all others have the most of what the workspace
// gives each member, what was given to them and what was given to a group that
// they are in. Whoever isn't a member has none.
//
// It stands in queries that name the workspace w, the member m (LEFT JOIN) and
// the repository r; where there is no r, it is what they would have.
const permissionSQL = `CASE WHEN m.role = 'owner' THEN 3 WHEN m.role IS NULL THEN 0 ELSE (
    SELECT MAX(held.permission) FROM (
      SELECT w.default_access AS permission
      UNION ALL SELECT ru.permission FROM repository_user ru WHERE ru.repository = r.id AND ru.user_id = m.user_id
      UNION ALL SELECT rg.permission FROM group_member gm JOIN repository_group rg ON rg.group_id = gm.group_id
        WHERE gm.workspace = m.workspace AND gm.user_id = m.user_id AND rg.repository = r.id) AS held) END`

// createsSQL tells whether a member may create repositories; it stands where
// permissionSQL does.
const createsSQL = `m.role = 'owner' OR m.role IS NOT NULL AND (w.members_create OR EXISTS (
    SELECT 1 FROM group_member gm JOIN workspace_group wg ON wg.id = gm.group_id
    WHERE gm.workspace = m.workspace AND gm.user_id = m.user_id AND wg.creates))`

// ReadableSQL is the condition under which the gate would let somebody read a
// repository, for lists. It stands in queries that name the repository r, its
// workspace w and the member m, as in
//
//	FROM repository r JOIN workspace w ON w.id = r.workspace
//	LEFT JOIN member m ON m.workspace = w.id AND m.user_id = $1
//
// Only the permission is judged by it. Whether the workspace's rules are met is
// said by the grant with which the list is asked for.
const ReadableSQL = `(r.public AND NOT w.no_public OR ` + permissionSQL + ` > 0)`

// ReadableIssuesSQL and ReadableWikiSQL are the same for a repository's issue
// tracker and wiki, which have a visibility of their own.
const (
	ReadableIssuesSQL = `(r.has_issues AND (r.issues_public AND NOT w.no_public OR ` + permissionSQL + ` > 0))`
	ReadableWikiSQL   = `(r.has_wiki AND (r.wiki_public AND NOT w.no_public OR ` + permissionSQL + ` > 0))`
)

// GivenSQL is the condition under which a member was given to read a
// repository, whether or not it is public too. It stands where ReadableSQL does.
const GivenSQL = permissionSQL + ` > 0`
