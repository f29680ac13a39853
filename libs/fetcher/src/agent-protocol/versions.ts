/**
 * The version of this protocol. It grows when an agent or a monitor that does not know of a change would read the other
 * wrongly; members that may be ignored are added without. Each side speaks with the version before and after its own:
 *
 * V1. Unknown members, fields of rows and verbs are ignored; an unknown `status` reads as `unknown`, an unknown
 *     condition is left out.
 * V2. What one side can do is in `hello`, never concluded from its version.
 */
export const protocolVersion = 1;

/** Whether this side understands one that speaks `version`. */
export function isSpoken(version: number): boolean {
  return Math.abs(version - protocolVersion) <= 1;
}
