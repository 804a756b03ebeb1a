/**
 * Entity tags of answers: strong, so two bodies under one tag are equal byte by byte. `asOf` moves with every answer while
 * the numbers stand, so a tag has two parts: what the answer says (format, and hash of all but the following), and what
 * moves without that changing: `asOf` and `servedFrom`.
 *
 * A client that comes with the tag of a body whose first part still holds is told to keep that body: everything in it is
 * true, and how much later it is true is in the header `Hitlake-As-Of`. See docs/adr/0017.
 */
import { createHash } from 'node:crypto'
import type { AnswerMeta, ServedFrom } from '../query/answer.ts'
import type { FormatName } from './format.ts'

/** `parts`: together the content without what moves. */
export function contentHash(parts: readonly string[]): string {
  const hash = createHash('sha256')
  // A character that no JSON text has ends each part, so that no two lists are the same text.
  for (const part of parts) hash.update(part).update('\n')
  return hash.digest('base64url').slice(0, 22)
}

/** JSON of what of `meta` stays while the numbers do. `complete` has a letter of its own in the tag. */
export function standingMeta({ asOf: _, complete: __, servedFrom: ___, ...meta }: AnswerMeta): string {
  return JSON.stringify(meta)
}

export interface TagFacts {
  readonly format: FormatName
  readonly hash: string
  readonly complete: boolean
  readonly asOfMs: number
  readonly served: ServedFrom
}

/** Within quotes: `json-<hash>-c.<asOf>.<served>`. */
export function entityTag({ format, hash, complete, asOfMs, served }: TagFacts): string {
  return `"${format}-${hash}-${complete ? 'c' : 'o'}.${asOfMs.toString(36)}.${servedText(served)}"`
}

function servedText({ cache, rollup, daily, sessions, raw }: ServedFrom): string {
  return `${cache}_${rollup}_${daily}_${sessions}_${raw}`
}

/** Beyond this `If-None-Match` is not read: it names more bodies than anybody keeps of one question. */
export const tagsMaxLength = 4_096

/**
 * The tag of the body that the client may keep, as it sent it; undefined where it has none that still holds. `*` means
 * any, so the tag there is now. Compared as RFC 9110, 13.1.2 says: `W/` is looked past.
 */
export function tagToKeep(ifNoneMatch: string | undefined, tag: string): string | undefined {
  if (ifNoneMatch === undefined || ifNoneMatch.length > tagsMaxLength) return undefined
  if (ifNoneMatch.trim() === '*') return tag
  const says = tag.slice(0, tag.indexOf('.') + 1)
  for (const text of ifNoneMatch.split(',')) {
    const sent = text.trim().replace(/^W\//, '')
    if (sent.startsWith(says) && /^[\w.-]*"$/.test(sent.slice(says.length))) return sent
  }
  return undefined
}
